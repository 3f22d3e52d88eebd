//! Records mails and their recipients, as Postfix accepts them.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::time::{latest, latest_day, moment};
use super::{Error, UsageStore, day_of};
use crate::settings::Retention;
use crate::vault::KeyId;

/// The table, since version 5.
pub(super) const TABLE: &str = include_str!("mail.sql");

/// Mails and recipients of a key that were accepted at about the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailEvent {
    /// The key.
    pub key: KeyId,
    /// The number of mails.
    pub mails: u32,
    /// The number of recipients.
    pub recipients: u32,
    /// The time of the last.
    pub at: Timestamp,
}

/// The mails of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailDay {
    /// In days since 1970, UTC.
    pub day: i64,
    /// The number of mails.
    pub mails: u32,
    /// The number of their recipients.
    pub recipients: u32,
    /// The time of the last.
    pub last_at: Timestamp,
}

/// Adds mails to their day, and removes old days.
pub(super) fn note(
    to: &Transaction<'_>,
    mail: &MailEvent,
    retention: Retention,
) -> Result<(), Error> {
    let (day, at) = (day_of(mail.at), mail.at.as_second());
    to.prepare_cached(
        "INSERT INTO mail (key_id, day, mails, recipients, last_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET mails = min(mails + ?3, 4294967295),
           recipients = min(recipients + ?4, 4294967295),
           last_at = iif(last_at > ?6, ?5, max(last_at, ?5))",
    )?
    .execute(params![
        mail.key,
        day,
        mail.mails,
        mail.recipients,
        at,
        latest(mail.at)
    ])?;
    // Not by date: the clock may be wrong. If it was ahead, its days are removed first.
    to.prepare_cached(
        "DELETE FROM mail WHERE key_id = ?1 AND day IN
           (SELECT day FROM mail WHERE key_id = ?1
            ORDER BY day > ?3, day DESC LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![mail.key, retention.days(), latest_day(mail.at)])?;
    Ok(())
}

impl UsageStore {
    /// The days on which mail of a key was accepted until `now`, the newest last.
    pub(super) fn mail_days(&self, key: KeyId, now: Timestamp) -> Result<Vec<MailDay>, Error> {
        // An older record that has not been written to since has no such table.
        if !self.connection.table_exists(None, "mail")? {
            return Ok(Vec::new());
        }
        let query = "SELECT day, mails, recipients, last_at FROM mail
                     WHERE key_id = ?1 AND day <= ?2 ORDER BY day";
        self.rows(query, params![key, latest_day(now)], |row| {
            Ok(MailDay {
                day: row.get(0)?,
                mails: row.get(1)?,
                recipients: row.get(2)?,
                last_at: moment(row, 3)?.min(now),
            })
        })
    }

    /// The mails of today, UTC, of those of these keys that sent any.
    pub fn mail_today(
        &self,
        keys: &[KeyId],
        now: Timestamp,
    ) -> Result<HashMap<KeyId, (u32, u32)>, Error> {
        if !self.connection.table_exists(None, "mail")? {
            return Ok(HashMap::new());
        }
        let keys = serde_json::to_string(keys).expect("numbers are JSON");
        let query = "SELECT key_id, mails, recipients FROM json_each(?1) AS given
                     JOIN mail ON key_id = given.value AND day = ?2";
        let rows = self.rows(query, params![keys, day_of(now)], |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
        })?;
        Ok(rows.into_iter().collect())
    }
}
