//! Reads the usage record.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::time::{latest, latest_day, moment};
use super::{
    ACCEPTED, Address, Day, Details, Error, MailTotal, RefusalAddresses, Refused, SecretUse,
    UNKNOWN_KEY, UsageStore, day_of, mail,
};
use crate::key::WindowUse;
use crate::vault::KeyId;

/// How many keys a page of [`UsageStore::keys_after`] has.
const PAGE_SIZE: usize = 500;

/// A summary of a key's use; by default, none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// When it or its mail was last accepted; `None` if never.
    pub last_used_at: Option<Timestamp>,
    /// The requests accepted today, UTC.
    pub requests_today: u32,
    /// The mails accepted today, UTC.
    pub mail_today: MailTotal,
}

impl UsageStore {
    /// A summary for each of these keys with recorded use.
    pub fn summaries(
        &self,
        keys: &[KeyId],
        now: Timestamp,
    ) -> Result<HashMap<KeyId, Summary>, Error> {
        let keys = serde_json::to_string(keys).expect("numbers are JSON");
        let summary = |row: &Row<'_>| {
            let summary = Summary {
                last_used_at: Some(moment(row, 1)?.min(now)),
                requests_today: row.get(2)?,
                mail_today: MailTotal::default(),
            };
            Ok((row.get(0)?, summary))
        };
        let query = "SELECT key_id, last_at, iif(day = ?2, count, 0)
             FROM json_each(?1) AS given
             JOIN days ON key_id = given.value AND verdict = ?3 AND day =
               (SELECT day FROM days WHERE key_id = given.value AND verdict = ?3
                AND day <= ?4 ORDER BY day DESC LIMIT 1)";
        let (today, latest) = (day_of(now), latest_day(now));
        let found = self.rows(query, params![keys, today, ACCEPTED, latest], summary)?;
        let mut found: HashMap<_, Summary> = found.into_iter().collect();
        for (key, mail) in self.recent_mail(&keys, now)? {
            let summary = found.entry(key).or_default();
            summary.last_used_at = summary.last_used_at.max(Some(mail.last_at));
            summary.mail_today = mail.today;
        }
        Ok(found)
    }

    /// Everything recorded about a key until `now`.
    pub fn details(&self, key: KeyId, now: Timestamp) -> Result<Details, Error> {
        Ok(Details {
            days: self.days(key, now)?,
            refused: self.refused(key, now)?,
            addresses: self.addresses(key, now)?,
            secrets: self.secrets(key, now)?,
            mail: self.mail_days(key, now)?,
            window: self.used(key)?,
        })
    }

    fn days(&self, key: KeyId, now: Timestamp) -> Result<Vec<Day>, Error> {
        let query = "SELECT day, count, last_at FROM days
                     WHERE key_id = ?1 AND verdict = 'accepted' AND day <= ?2 ORDER BY day";
        let until = params![key, latest_day(now)];
        self.rows(query, until, |row| {
            Ok(Day {
                day: row.get(0)?,
                count: row.get(1)?,
                last_at: moment(row, 2)?.min(now),
            })
        })
    }

    fn refused(&self, key: KeyId, now: Timestamp) -> Result<Vec<Refused>, Error> {
        let query = "SELECT verdict, min(sum(count), 4294967295), max(last_at) FROM days
                     WHERE key_id = ?1 AND verdict <> 'accepted' AND day <= ?2
                     GROUP BY verdict ORDER BY 3 DESC, 1";
        let until = params![key, latest_day(now)];
        let mut refused = self.rows(query, until, |row| {
            Ok(Refused {
                verdict: row.get(0)?,
                count: row.get(1)?,
                last_at: moment(row, 2)?.min(now),
                addresses: RefusalAddresses::default(),
            })
        })?;
        let mut addresses = self.refused_from(key, now)?;
        for reason in &mut refused {
            reason.addresses = addresses.remove(&reason.verdict).unwrap_or_default();
        }
        Ok(refused)
    }

    fn addresses(&self, key: KeyId, now: Timestamp) -> Result<Vec<Address>, Error> {
        // An older record that has not been written to since has no order within a second.
        let has_turns = self.connection.column_exists(None, "addresses", "turn")?;
        let order = if has_turns { "turn DESC" } else { "address" };
        let query = &format!(
            "SELECT address, count, last_at FROM addresses
             WHERE key_id = ?1 AND last_at <= ?2 ORDER BY last_at DESC, {order}"
        );
        let until = params![key, latest(now)];
        self.rows(query, until, |row| {
            Ok(Address {
                address: row.get(0)?,
                count: row.get(1)?,
                last_at: moment(row, 2)?.min(now),
            })
        })
    }

    /// The use of a key's secrets, the latest first.
    pub fn secrets(&self, key: KeyId, now: Timestamp) -> Result<Vec<SecretUse>, Error> {
        let query = "SELECT tail, first_at, last_at FROM secrets
                     WHERE key_id = ?1 AND last_at <= ?2
                     ORDER BY last_at DESC, first_at DESC";
        let until = params![key, latest(now)];
        self.rows(query, until, |row| {
            Ok(SecretUse {
                tail: row.get(0)?,
                first_at: moment(row, 1)?.min(now),
                last_at: moment(row, 2)?.min(now),
            })
        })
    }

    /// The next keys after this one with recorded use, in the order of their numbers.
    pub fn keys_after(&self, last: KeyId) -> Result<Vec<KeyId>, Error> {
        let mail = mail::table(&self.connection)?;
        let query = format!(
            "SELECT key_id FROM days WHERE key_id > ?1
             UNION SELECT key_id FROM {mail} WHERE key_id > ?1
             ORDER BY key_id LIMIT {PAGE_SIZE}"
        );
        self.rows(&query, [last], |row| row.get(0))
    }

    /// All keys that were accepted, or whose mail was, until `now`, the least recently used first.
    pub fn keys_by_last_use(&self, now: Timestamp) -> Result<Vec<KeyId>, Error> {
        let mail = mail::table(&self.connection)?;
        let query = format!(
            "SELECT key_id FROM (
               SELECT key_id, max(last_at) AS last_at FROM days
               WHERE verdict = 'accepted' AND key_id > ?1 AND day <= ?2 GROUP BY key_id
               UNION ALL
               SELECT key_id, max(last_at) FROM {mail} WHERE day <= ?2 GROUP BY key_id)
             GROUP BY key_id ORDER BY max(last_at), key_id"
        );
        self.rows(&query, [UNKNOWN_KEY, latest_day(now)], |row| row.get(0))
    }

    /// The start of the first recorded day.
    pub fn since(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        self.with_path(|usage| {
            let mail = mail::table(&usage.connection)?;
            let mut statement = usage.connection.prepare(&format!(
                "SELECT min(day) * 86400 FROM (
                   SELECT min(day) AS day FROM days WHERE day <= ?1
                   UNION ALL SELECT min(day) FROM {mail} WHERE day <= ?1)
                 HAVING min(day) IS NOT NULL"
            ))?;
            let since = statement.query_row([latest_day(now)], |row| moment(row, 0));
            Ok(since.optional()?)
        })
    }

    /// What a key has used of its limit in the last recorded window.
    pub fn used(&self, key: KeyId) -> Result<WindowUse, Error> {
        self.with_path(|usage| used(&usage.connection, key))
    }

    pub(super) fn rows<T>(
        &self,
        query: &str,
        given: impl Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        self.with_path(|usage| {
            let mut statement = usage.connection.prepare_cached(query)?;
            let rows = statement.query_map(given, |row| read(row))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

pub(super) fn used(connection: &Connection, key: KeyId) -> Result<WindowUse, Error> {
    let mut query =
        connection.prepare_cached("SELECT since, count FROM windows WHERE key_id = ?1")?;
    let used = query.query_row([key], |row| {
        Ok(WindowUse {
            since: row.get(0)?,
            count: row.get(1)?,
        })
    });
    Ok(used.optional()?.unwrap_or_default())
}
