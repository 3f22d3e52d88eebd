//! Reading what was recorded.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{ACCEPTED, Error, Usage, day_of};
use crate::key::Used;
use crate::vault::KeyId;

/// A key's use in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// When it was last accepted.
    pub last_used_at: Option<Timestamp>,
    /// How often it was accepted today, UTC.
    pub requests_today: u32,
}

/// A key's use, as far as it is recorded.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// Days on which it was accepted, the newest last.
    pub days: Vec<Day>,
    /// Why it was refused, the last reason first.
    pub refused: Vec<Refused>,
    /// From where it was used, the last address first.
    pub addresses: Vec<Address>,
    /// Which of its secrets were used, the last one first.
    pub secrets: Vec<SecretUse>,
}

/// How often a key was accepted on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// In days since 1970, UTC.
    pub day: i64,
    /// How often.
    pub count: u32,
}

/// A reason for which a key was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The verdict's word.
    pub verdict: String,
    /// How often.
    pub count: u32,
    /// When, for the last time.
    pub last_at: Timestamp,
}

/// From where a key was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// An IP address.
    pub address: String,
    /// How often.
    pub count: u32,
    /// When, for the last time.
    pub last_at: Timestamp,
}

/// The use of one of a key's secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse {
    /// Its last 16 characters.
    pub tail: String,
    /// When it was first accepted.
    pub first_at: Timestamp,
    /// When it was last accepted.
    pub last_at: Timestamp,
}

impl Usage {
    /// The use of each of these keys of which any is recorded.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn summaries(
        &self,
        keys: &[KeyId],
        now: Timestamp,
    ) -> Result<HashMap<KeyId, Summary>, Error> {
        let keys = serde_json::to_string(keys).expect("numbers are JSON");
        let mut statement = self.connection.prepare_cached(
            "SELECT key, last_at, today FROM (
               SELECT value AS key,
                 (SELECT last_at FROM days WHERE key_id = value AND verdict = ?3
                  ORDER BY day DESC LIMIT 1) AS last_at,
                 (SELECT count FROM days WHERE key_id = value AND day = ?2 AND verdict = ?3) AS today
               FROM json_each(?1))
             WHERE last_at IS NOT NULL",
        )?;
        let summary = |row: &Row<'_>| {
            let summary = Summary {
                last_used_at: Some(moment(row, 1)?),
                requests_today: row.get::<_, Option<u32>>(2)?.unwrap_or_default(),
            };
            Ok((row.get(0)?, summary))
        };
        let rows = statement.query_map(params![keys, day_of(now), ACCEPTED], summary)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All that is recorded of a key.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn details(&self, key: KeyId) -> Result<Details, Error> {
        Ok(Details {
            days: self.rows(
                "SELECT day, count FROM days WHERE key_id = ?1 AND verdict = 'accepted' ORDER BY day",
                key,
                |row| Ok(Day { day: row.get(0)?, count: row.get(1)? }),
            )?,
            refused: self.rows(
                "SELECT verdict, sum(count), max(last_at) FROM days
                 WHERE key_id = ?1 AND verdict <> 'accepted' GROUP BY verdict ORDER BY 3 DESC, 1",
                key,
                |row| Ok(Refused { verdict: row.get(0)?, count: row.get(1)?, last_at: moment(row, 2)? }),
            )?,
            addresses: self.rows(
                "SELECT address, count, last_at FROM addresses WHERE key_id = ?1
                 ORDER BY last_at DESC, address",
                key,
                |row| Ok(Address { address: row.get(0)?, count: row.get(1)?, last_at: moment(row, 2)? }),
            )?,
            secrets: self.rows(
                "SELECT tail, first_at, last_at FROM secrets WHERE key_id = ?1
                 ORDER BY last_at DESC, first_at DESC",
                key,
                |row| Ok(SecretUse { tail: row.get(0)?, first_at: moment(row, 1)?, last_at: moment(row, 2)? }),
            )?,
        })
    }

    /// How much of its limit a key has used in the last window that is recorded.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn used(&self, key: KeyId) -> Result<Used, Error> {
        used(&self.connection, key)
    }

    fn rows<T>(
        &self,
        query: &str,
        key: KeyId,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.connection.prepare_cached(query)?;
        let rows = statement.query_map([key], |row| read(row))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

pub(super) fn used(connection: &Connection, key: KeyId) -> Result<Used, Error> {
    let mut query =
        connection.prepare_cached("SELECT since, count FROM windows WHERE key_id = ?1")?;
    let used = query.query_row([key], |row| {
        Ok(Used {
            since: row.get(0)?,
            count: row.get(1)?,
        })
    });
    Ok(used.optional()?.unwrap_or_default())
}

/// Whole seconds in a column; what is no time can only be damage.
fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let seconds: i64 = row.get(column)?;
    Timestamp::from_second(seconds)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, seconds))
}
