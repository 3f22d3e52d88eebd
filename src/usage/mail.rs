//! Records mails and their recipients, as Postfix accepts them.

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};

use super::time::{latest, latest_day, moment};
use super::{Error, UsageStore, day_of};
use crate::key::Tail;
use crate::settings::Retention;
use crate::vault::KeyId;

/// The table, since version 5.
pub(super) const TABLE: &str = include_str!("mail.sql");

/// Mails and recipients of a key that were accepted at about the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailEvent {
    /// The key.
    pub key: KeyId,
    /// The tail of the secret that was used to log in, if known.
    pub tail: Option<Tail>,
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

/// Mails and their recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailTotal {
    /// The number of mails.
    pub mails: u64,
    /// The number of their recipients.
    pub recipients: u64,
}

/// The last mail of a key, and its mails of today, UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecentMail {
    pub(super) last_at: Timestamp,
    pub(super) today: MailTotal,
}

/// The mails within this many days, ending with that of `now`.
pub(super) fn total(mail: &[MailDay], days: usize, now: Timestamp) -> MailTotal {
    let today = day_of(now);
    let first = today.saturating_sub_unsigned(days as u64);
    let within = mail
        .iter()
        .filter(|mail| first < mail.day && mail.day <= today);
    within.fold(MailTotal::default(), |total, mail| MailTotal {
        mails: total.mails + u64::from(mail.mails),
        recipients: total.recipients + u64::from(mail.recipients),
    })
}

/// The table's name in a query; a table without rows for an older record that has not been written
/// to since.
pub(super) fn table(connection: &Connection) -> Result<&'static str, Error> {
    Ok(match connection.table_exists(None, "mail")? {
        true => "mail",
        false => {
            "(SELECT 0 AS key_id, 0 AS day, 0 AS mails, 0 AS recipients, 0 AS last_at WHERE false)"
        }
    })
}

/// The mails of a key within these days.
pub(super) fn total_between(
    connection: &Connection,
    key: KeyId,
    (first, last): (i64, i64),
) -> Result<MailTotal, Error> {
    let mail = table(connection)?;
    let query = format!(
        "SELECT coalesce(sum(mails), 0), coalesce(sum(recipients), 0) FROM {mail}
         WHERE key_id = ?1 AND day BETWEEN ?2 AND ?3"
    );
    let mut statement = connection.prepare_cached(&query)?;
    Ok(statement.query_row(params![key, first, last], |row| {
        Ok(MailTotal {
            mails: row.get::<_, i64>(0)?.unsigned_abs(),
            recipients: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    })?)
}

/// Whether any mail was recorded after that day or second.
pub(super) fn has_after(connection: &Connection, day: i64, second: i64) -> Result<bool, Error> {
    let mail = table(connection)?;
    let query = format!("SELECT EXISTS (SELECT 1 FROM {mail} WHERE day > ?1 OR last_at > ?2)");
    Ok(connection.query_row(&query, [day, second], |row| row.get(0))?)
}

/// Moves mails recorded by a clock that was ahead to the current time.
pub(super) fn bring_back(to: &Connection, now: Timestamp) -> Result<(), Error> {
    if !to.table_exists(None, "mail")? {
        return Ok(());
    }
    let (day, second) = (day_of(now), now.as_second());
    to.execute(
        "INSERT INTO mail (key_id, day, mails, recipients, last_at)
         SELECT key_id, ?1, min(sum(mails), 4294967295), min(sum(recipients), 4294967295), ?2
         FROM mail WHERE day > ?1 GROUP BY key_id
         ON CONFLICT DO UPDATE SET mails = min(mail.mails + excluded.mails, 4294967295),
           recipients = min(mail.recipients + excluded.recipients, 4294967295),
           last_at = ?2",
        [day, second],
    )?;
    to.execute("DELETE FROM mail WHERE day > ?1", [day])?;
    let late = "UPDATE mail SET last_at = ?1 WHERE last_at > ?1";
    to.execute(late, [second])?;
    Ok(())
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
        let mail = table(&self.connection)?;
        let query = format!(
            "SELECT day, mails, recipients, last_at FROM {mail}
             WHERE key_id = ?1 AND day <= ?2 ORDER BY day"
        );
        self.rows(&query, params![key, latest_day(now)], |row| {
            Ok(MailDay {
                day: row.get(0)?,
                mails: row.get(1)?,
                recipients: row.get(2)?,
                last_at: moment(row, 3)?.min(now),
            })
        })
    }

    /// The recent mail of those of these keys, in JSON, whose mail was ever accepted.
    pub(super) fn recent_mail(
        &self,
        keys: &str,
        now: Timestamp,
    ) -> Result<Vec<(KeyId, RecentMail)>, Error> {
        let mail = table(&self.connection)?;
        let query = format!(
            "SELECT key_id, last_at, iif(day = ?2, mails, 0), iif(day = ?2, recipients, 0)
             FROM json_each(?1) AS given
             JOIN {mail} ON key_id = given.value AND day =
               (SELECT day FROM {mail} WHERE key_id = given.value AND day <= ?3
                ORDER BY day DESC LIMIT 1)"
        );
        self.rows(&query, params![keys, day_of(now), latest_day(now)], |row| {
            let today = MailTotal {
                mails: row.get::<_, u32>(2)?.into(),
                recipients: row.get::<_, u32>(3)?.into(),
            };
            let last_at = moment(row, 1)?.min(now);
            Ok((row.get(0)?, RecentMail { last_at, today }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Details;

    const KEY: KeyId = 7;
    const TAIL: &str = "AW9sAh0Pgr1XTPU5";

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn accept(usage: &mut UsageStore, mails: u32, recipients: u32, time: &str) {
        let mail = MailEvent {
            key: KEY,
            tail: Some(TAIL.parse().expect(TAIL)),
            mails,
            recipients,
            at: at(time),
        };
        usage
            .record(&[], &[], &[mail], (&[], ""))
            .expect("a record");
    }

    fn details(usage: &UsageStore, now: &str) -> Details {
        usage.details(KEY, at(now)).expect("details")
    }

    fn total(usage: &UsageStore, days: usize, now: &str) -> (u64, u64) {
        let total = details(usage, now).mail_total(days, at(now));
        (total.mails, total.recipients)
    }

    #[test]
    fn mails_are_counted_by_day() {
        let mut usage = UsageStore::in_memory("400d");
        accept(&mut usage, 1, 3, "2026-11-20T10:00:00Z");
        accept(&mut usage, 2, 2, "2026-11-21T23:59:59Z");
        accept(&mut usage, 1, 40, "2026-11-22T00:00:00Z");
        accept(&mut usage, 1, 1, "2026-11-22T09:00:00Z");
        let now = "2026-11-22T10:00:00Z";
        assert_eq!(total(&usage, 1, now), (2, 41));
        assert_eq!(total(&usage, 2, now), (4, 43));
        assert_eq!(total(&usage, 30, now), (5, 46));
        assert_eq!(total(&usage, 1, "2026-11-23T00:00:00Z"), (0, 0));
        let last = details(&usage, now).last_used_at();
        assert_eq!(last, Some(at("2026-11-22T09:00:00Z")));
    }

    #[test]
    fn only_the_newest_days_are_kept() {
        let mut usage = UsageStore::in_memory("2d");
        for day in 20..24 {
            accept(&mut usage, 1, 1, &format!("2026-11-{day}T10:00:00Z"));
        }
        assert_eq!(total(&usage, 30, "2026-11-23T10:00:00Z"), (2, 2));
    }

    #[test]
    fn mail_of_a_clock_ahead_counts_once_the_clock_is_accepted() {
        let mut usage = UsageStore::in_memory("3d");
        accept(&mut usage, 1, 1, "2026-11-21T10:00:00Z");
        accept(&mut usage, 1, 5, "2036-11-22T10:00:00Z");
        accept(&mut usage, 1, 6, "2036-11-23T10:00:00Z");
        let now = "2026-11-22T10:00:00Z";
        accept(&mut usage, 2, 3, now);
        assert!(usage.has_uses_ahead(at(now)).expect("an answer"));
        assert_eq!(total(&usage, 1, now), (2, 3));
        assert_eq!(
            total(&usage, 30, now),
            (3, 4),
            "those ahead are removed first"
        );
        let mut usage = UsageStore::in_memory("400d");
        accept(&mut usage, 2, 3, "2026-11-22T09:00:00Z");
        accept(&mut usage, 1, 5, "2036-11-22T10:00:00Z");
        accept(&mut usage, 1, 6, "2036-11-23T10:00:00Z");
        usage.accept_clock(at(now)).expect("a change");
        assert!(!usage.has_uses_ahead(at(now)).expect("an answer"));
        assert_eq!(total(&usage, 1, now), (4, 14));
        assert_eq!(details(&usage, now).last_used_at(), Some(at(now)));
    }

    #[test]
    fn a_key_is_used_by_its_mail_as_by_its_requests() {
        let mut usage = UsageStore::in_memory("400d");
        accept(&mut usage, 1, 2, "2026-11-22T09:00:00Z");
        let now = at("2026-11-22T10:00:00Z");
        assert_eq!(usage.keys_after(0).expect("keys"), [KEY]);
        assert_eq!(usage.keys_by_last_use(now).expect("keys"), [KEY]);
        let since = usage.since(now).expect("a time");
        assert_eq!(since, Some(at("2026-11-22T00:00:00Z")));
        let summary = usage.summaries(&[KEY, 8], now).expect("summaries")[&KEY];
        assert_eq!(summary.last_used_at, Some(at("2026-11-22T09:00:00Z")));
        assert_eq!(summary.requests_today, 0);
        assert_eq!(
            summary.mail_today,
            MailTotal {
                mails: 1,
                recipients: 2
            }
        );
        let secret = &usage.secrets(KEY, now).expect("secrets")[0];
        assert_eq!(
            (&*secret.tail, Some(secret.last_at)),
            (TAIL, summary.last_used_at)
        );
        let recent = &usage.recent(&[KEY], now).expect("recent use")[&KEY];
        assert_eq!(recent.recipients.last(), Some(&2));
    }

    #[test]
    fn an_older_record_has_no_mail() {
        let mut usage = UsageStore::in_memory("400d");
        let older = "DROP TABLE mail; DROP TABLE requests; DROP TABLE definitions;
                     ALTER TABLE about DROP COLUMN requests_since; PRAGMA user_version = 4";
        usage.connection.execute_batch(older).expect("a change");
        let now = at("2026-11-22T10:00:00Z");
        assert!(usage.details(KEY, now).expect("details").is_empty());
        assert!(usage.summaries(&[KEY], now).expect("summaries").is_empty());
        assert!(usage.recent(&[KEY], now).expect("recent use").is_empty());
        assert!(usage.keys_after(0).expect("keys").is_empty());
        assert!(usage.keys_by_last_use(now).expect("keys").is_empty());
        assert_eq!(usage.since(now).expect("a time"), None);
        assert!(!usage.has_uses_ahead(now).expect("an answer"));
        usage.accept_clock(now).expect("a change");
        usage.begin(b"a vault").expect("a migration");
        accept(&mut usage, 1, 2, "2026-11-22T09:00:00Z");
        assert_eq!(total(&usage, 1, "2026-11-22T10:00:00Z"), (1, 2));
    }
}
