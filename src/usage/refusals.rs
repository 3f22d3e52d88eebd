//! Records the addresses, secrets and reasons of refusals.
//!
//! Refused clients choose their addresses, so the number per day is limited: beyond it, refusals
//! are only counted.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

use super::time::{latest, latest_day, moment};
use super::{Address, Error, UsageEvent, UsageStore, day_of};
use crate::key::Tail;
use crate::vault::KeyId;

/// The table's definition.
pub(super) const TABLE: &str = include_str!("refusals.sql");

/// How many addresses are distinguished for each key, verdict and day; an address with two secrets
/// counts twice. Also how many secrets without a known address.
const MAX_DISTINCT: i64 = 64;

/// How many addresses per reason are read, the newest.
const MAX_ADDRESSES: usize = 10;

/// The addresses from which a key was refused for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusalAddresses {
    /// The newest of them, the latest first.
    pub newest: Vec<Address>,
    /// How many there are.
    pub count: u64,
}

/// A filter for the refusals of a key.
#[derive(Clone, Copy, Debug)]
pub struct RefusalFilter<'a> {
    /// Whose secrets.
    pub key: KeyId,
    /// Those of these secrets, and of unknown ones; if empty, all.
    pub tails: &'a [&'a Tail],
    /// Those for these reasons; if empty, for any.
    pub verdicts: &'a [&'a str],
    /// Those at or after this time. On its day, all with the same address, secret and reason as a
    /// later one count.
    pub since: Option<Timestamp>,
}

/// A summary of refusals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusalSummary {
    /// The number of refusals.
    pub count: u64,
    /// How many of them came from unrecorded addresses.
    pub without_address: u64,
    /// The number of recorded addresses.
    pub addresses: u64,
    /// The time of the last.
    pub last_at: Option<Timestamp>,
    /// Its address; `None` if it is not recorded.
    pub last_address: Option<String>,
}

impl UsageStore {
    /// A summary of the refusals of a key's secrets until `now` that match the filter.
    pub fn refusals(
        &self,
        filter: RefusalFilter<'_>,
        now: Timestamp,
    ) -> Result<RefusalSummary, Error> {
        self.with_path(|usage| summary(&usage.connection, filter, now))
    }

    /// The keys whose secrets were refused with a verdict since a time.
    pub fn refused_as(
        &self,
        verdict: &str,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<KeyId>, Error> {
        self.with_path(|usage| {
            if !has_table(&usage.connection)? {
                return Ok(Vec::new());
            }
            let mut statement = usage.connection.prepare(
                "SELECT DISTINCT key_id FROM refusals
                 WHERE verdict = ?1 AND day BETWEEN ?2 AND ?3 AND last_at >= ?4",
            )?;
            let days = (day_of(since), latest_day(now));
            let keys = params![verdict, days.0, days.1, since.as_second()];
            let keys = statement.query_map(keys, |row| row.get(0))?;
            Ok(keys.collect::<Result<_, _>>()?)
        })
    }

    /// The addresses from which a key was refused until `now`, by verdict.
    pub(super) fn refused_from(
        &self,
        key: KeyId,
        now: Timestamp,
    ) -> Result<HashMap<String, RefusalAddresses>, Error> {
        let mut found: HashMap<String, RefusalAddresses> = HashMap::new();
        self.with_path(|usage| {
            if !has_table(&usage.connection)? {
                return Ok(());
            }
            let mut statement = usage.connection.prepare_cached(
                "SELECT address, min(sum(count), 4294967295), max(last_at), verdict FROM refusals
                 WHERE key_id = ?1 AND day <= ?2 AND address <> ''
                 GROUP BY verdict, address ORDER BY 3 DESC, 1",
            )?;
            let mut rows = statement.query(params![key, latest_day(now)])?;
            while let Some(row) = rows.next()? {
                let from = found.entry(row.get(3)?).or_default();
                from.count += 1;
                if from.newest.len() < MAX_ADDRESSES {
                    from.newest.push(address(row, now)?);
                }
            }
            Ok(())
        })?;
        Ok(found)
    }
}

fn address(row: &Row<'_>, now: Timestamp) -> rusqlite::Result<Address> {
    Ok(Address {
        address: row.get(0)?,
        count: row.get(1)?,
        last_at: moment(row, 2)?.min(now),
    })
}

fn summary(
    connection: &Connection,
    filter: RefusalFilter<'_>,
    now: Timestamp,
) -> Result<RefusalSummary, Error> {
    let mut summary = RefusalSummary::default();
    if !has_table(connection)? {
        return Ok(summary);
    }
    let tails: Vec<_> = filter.tails.iter().map(|tail| tail.as_str()).collect();
    let json = |texts: &[&str]| serde_json::to_string(texts).expect("texts are JSON");
    let since = filter.since.unwrap_or(Timestamp::MIN);
    let mut statement = connection.prepare_cached(
        "SELECT address, min(sum(count), 4294967295), max(last_at) FROM refusals
         WHERE key_id = ?1 AND day BETWEEN ?2 AND ?3 AND last_at >= ?4
           AND (?5 = '[]' OR tail = '' OR tail IN (SELECT value FROM json_each(?5)))
           AND (?6 = '[]' OR verdict IN (SELECT value FROM json_each(?6)))
         GROUP BY address ORDER BY 3 DESC, address = '', address",
    )?;
    let mut rows = statement.query(params![
        filter.key,
        day_of(since),
        latest_day(now),
        since.as_second(),
        json(&tails),
        json(filter.verdicts),
    ])?;
    while let Some(row) = rows.next()? {
        let (address, count): (String, u32) = (row.get(0)?, row.get(1)?);
        let count = u64::from(count);
        let address = Some(address).filter(|address| !address.is_empty());
        summary.count += count;
        match address {
            Some(_) => summary.addresses += 1,
            None => summary.without_address += count,
        }
        if summary.last_at.is_none() {
            summary.last_at = Some(moment(row, 2)?.min(now));
            summary.last_address = address;
        }
    }
    Ok(summary)
}

/// Whether the table exists; not in an older record that has not been written to since.
pub(super) fn has_table(connection: &Connection) -> Result<bool, Error> {
    Ok(connection.table_exists(None, "refusals")?)
}

/// Records a refusal of a key's secret.
pub(super) fn note(to: &Transaction<'_>, key: KeyId, seen: &UsageEvent) -> Result<(), Error> {
    let tail = seen.tail.as_ref().map_or("", Tail::as_str);
    let address = seen.address.map(|address| address.to_string());
    let address = address.unwrap_or_default();
    let (day, at) = (day_of(seen.at), seen.at.as_second());
    let write = |statement: &str, tail: &str, address: &str| -> Result<usize, Error> {
        let (verdict, count, latest) = (seen.verdict, seen.count, latest(seen.at));
        let values = params![key, verdict, day, tail, address, count, at, latest];
        Ok(to.prepare_cached(statement)?.execute(values)?)
    };
    let known = write(
        "UPDATE refusals SET count = count + ?6,
           last_at = iif(last_at > ?8, ?7, max(last_at, ?7))
         WHERE key_id = ?1 AND verdict = ?2 AND day = ?3 AND tail = ?4 AND address = ?5",
        tail,
        &address,
    )?;
    if known > 0 {
        return Ok(());
    }
    let (has_address_room, has_tail_room) = room(to, key, seen.verdict, day)?;
    let address = if has_address_room { &*address } else { "" };
    let is_tail_kept = !address.is_empty() || has_tail_room;
    let tail = if is_tail_kept { tail } else { "" };
    write(
        "INSERT INTO refusals (key_id, verdict, day, tail, address, count, last_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET count = count + ?6,
           last_at = iif(last_at > ?8, ?7, max(last_at, ?7))",
        tail,
        address,
    )?;
    Ok(())
}

/// Whether there is room for another address, and for another secret without one.
fn room(to: &Connection, key: KeyId, verdict: &str, day: i64) -> Result<(bool, bool), Error> {
    let room = to
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE address <> '') < ?4,
               count(*) FILTER (WHERE address = '') < ?4
             FROM refusals WHERE key_id = ?1 AND verdict = ?2 AND day = ?3",
        )?
        .query_row(params![key, verdict, day, MAX_DISTINCT], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(room)
}

/// Removes the days of a key and verdict that were removed from `days`.
pub(super) fn prune(to: &Transaction<'_>, key: KeyId, verdict: &str) -> Result<(), Error> {
    to.prepare_cached(
        "DELETE FROM refusals WHERE key_id = ?1 AND verdict = ?2 AND day NOT IN
           (SELECT day FROM days WHERE key_id = ?1 AND verdict = ?2)",
    )?
    .execute(params![key, verdict])?;
    Ok(())
}

/// Whether any refusal was recorded after that second, or on a later day.
pub(super) fn has_after(connection: &Connection, day: i64, second: i64) -> Result<bool, Error> {
    if !has_table(connection)? {
        return Ok(false);
    }
    let query = "SELECT EXISTS (SELECT 1 FROM refusals WHERE day > ?1 OR last_at > ?2)";
    Ok(connection.query_row(query, [day, second], |row| row.get(0))?)
}

/// Moves refusals recorded by a clock that was ahead to the current time.
pub(super) fn bring_back(to: &Connection, now: Timestamp) -> Result<(), Error> {
    if !has_table(to)? {
        return Ok(());
    }
    let (day, second) = (day_of(now), now.as_second());
    to.execute(
        "INSERT INTO refusals (key_id, verdict, day, tail, address, count, last_at)
         SELECT key_id, verdict, ?1, tail, address, sum(count), ?2 FROM refusals
         WHERE day > ?1 GROUP BY key_id, verdict, tail, address
         ON CONFLICT DO UPDATE SET count = refusals.count + excluded.count",
        params![day, second],
    )?;
    to.execute("DELETE FROM refusals WHERE day > ?1", [day])?;
    let late = "UPDATE refusals SET last_at = ?1 WHERE last_at > ?1";
    to.execute(late, [second])?;
    Ok(())
}
