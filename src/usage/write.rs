//! Recording uses.

use std::net::IpAddr;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{ACCEPTED, Error, KEPT_DAYS, NOBODY, Usage, day_of};
use crate::key::{Tail, Used};
use crate::vault::KeyId;

/// How many addresses of a key are kept.
const KEPT_ADDRESSES: i64 = 10;

/// One or several presentations of a secret with the same verdict.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Whose secret it was; `None` if that is not known.
    pub key: Option<KeyId>,
    /// Which of its secrets; `None` if that is not known.
    pub tail: Option<Tail>,
    /// The verdict's word.
    pub verdict: &'static str,
    /// How often.
    pub count: u32,
    /// When, for the last time.
    pub at: Timestamp,
    /// From where.
    pub address: Option<IpAddr>,
}

impl Usage {
    /// Records sightings, and what of their limits keys have used since it was last recorded,
    /// in one transaction; gives back how much of each was used altogether.
    ///
    /// # Errors
    /// If they cannot be written; then nothing was.
    pub fn record(
        &mut self,
        sightings: &[Sighting],
        used: &[(KeyId, Used)],
    ) -> Result<Vec<Used>, Error> {
        let transaction = immediate(&mut self.connection)?;
        for sighting in sightings {
            sighting.write(&transaction)?;
        }
        let all = used
            .iter()
            .map(|(key, used)| add(&transaction, *key, *used));
        let all = all.collect::<Result<_, _>>()?;
        transaction.commit()?;
        Ok(all)
    }

    /// Decides on one presentation after the use of the key's limit so far, and records it
    /// with what `decide` says, a verdict and its word.
    ///
    /// # Errors
    /// If it cannot be recorded; then nothing was.
    pub fn meter<T>(
        &mut self,
        sighting: Sighting,
        decide: impl FnOnce(Used) -> (T, &'static str, Option<Used>),
    ) -> Result<T, Error> {
        let transaction = immediate(&mut self.connection)?;
        let used = super::read::used(&transaction, sighting.key.unwrap_or(NOBODY))?;
        let (outcome, verdict, spent) = decide(used);
        Sighting {
            verdict,
            ..sighting
        }
        .write(&transaction)?;
        if let (Some(key), Some(spent)) = (sighting.key, spent) {
            add(&transaction, key, spent)?;
        }
        transaction.commit()?;
        Ok(outcome)
    }

    /// Forgets the counts of days that are long past.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn forget_before(&self, now: Timestamp) -> Result<(), Error> {
        let oldest = day_of(now) - KEPT_DAYS;
        self.connection
            .execute("DELETE FROM days WHERE day < ?1", [oldest])?;
        Ok(())
    }
}

pub(super) fn immediate(connection: &mut Connection) -> Result<Transaction<'_>, Error> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

impl Sighting {
    fn write(&self, to: &Transaction<'_>) -> Result<(), Error> {
        let (key, at) = (self.key.unwrap_or(NOBODY), self.at.as_second());
        to.prepare_cached(
            "INSERT INTO days (key_id, day, verdict, count, last_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET count = count + ?4, last_at = max(last_at, ?5)",
        )?
        .execute(params![key, day_of(self.at), self.verdict, self.count, at])?;
        if self.verdict != ACCEPTED {
            return Ok(());
        }
        if let Some(tail) = &self.tail {
            to.prepare_cached(
                "INSERT INTO secrets (key_id, tail, first_at, last_at) VALUES (?1, ?2, ?3, ?3)
                 ON CONFLICT DO UPDATE SET last_at = max(last_at, ?3)",
            )?
            .execute(params![key, tail.as_str(), at])?;
        }
        self.address.map_or(Ok(()), |address| {
            self.write_address(&address.to_string(), to)
        })
    }

    fn write_address(&self, address: &str, to: &Transaction<'_>) -> Result<(), Error> {
        let (key, at) = (self.key.unwrap_or(NOBODY), self.at.as_second());
        let known = to
            .prepare_cached(
                "UPDATE addresses SET count = count + ?3, last_at = max(last_at, ?4)
                 WHERE key_id = ?1 AND address = ?2",
            )?
            .execute(params![key, address, self.count, at])?;
        if known > 0 {
            return Ok(());
        }
        to.prepare_cached(
            "INSERT INTO addresses (key_id, address, count, last_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![key, address, self.count, at])?;
        to.prepare_cached(
            "DELETE FROM addresses WHERE key_id = ?1 AND address NOT IN
               (SELECT address FROM addresses WHERE key_id = ?1
                ORDER BY last_at DESC, address LIMIT ?2)",
        )?
        .execute(params![key, KEPT_ADDRESSES])?;
        Ok(())
    }
}

/// Adds what was used of a limit to what others recorded of the same window.
fn add(to: &Transaction<'_>, key: KeyId, used: Used) -> Result<Used, Error> {
    let mut upsert = to.prepare_cached(
        "INSERT INTO windows (key_id, since, count) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET since = max(since, ?2), count = CASE
           WHEN since = ?2 THEN count + ?3 WHEN since < ?2 THEN ?3 ELSE count END
         RETURNING since, count",
    )?;
    let row = upsert.query_row(params![key, used.since, used.count], |row| {
        Ok(Used {
            since: row.get(0)?,
            count: row.get(1)?,
        })
    });
    Ok(row?)
}
