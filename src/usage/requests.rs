//! Records what accepted requests needed: their methods and the rules that allowed them, never
//! paths.

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use compact_str::CompactString;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::time::{latest, latest_day, moment};
use super::{Error, UsageStore, day_of};
use crate::key::Rule;
use crate::settings::{Permissions, RequestMatch, Retention};
use crate::vault::KeyId;

/// The tables' definitions.
pub(super) const TABLES: &str = include_str!("requests.sql");

/// For how many days requests are kept, and read: today's and those before.
pub const REQUEST_DAYS: usize = 30;

/// How many kinds of requests are distinguished for each key and day; the kind of others is unknown.
const MAX_KINDS: i64 = 256;

/// The start of the first of the last [`REQUEST_DAYS`].
pub fn first_request_day(now: Timestamp) -> Timestamp {
    let day = day_of(now).saturating_sub_unsigned(REQUEST_DAYS as u64 - 1);
    Timestamp::from_second(day.saturating_mul(86_400)).unwrap_or(Timestamp::MIN)
}

/// A kind of request: its method, and what allowed it; by default unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestKind {
    method: CompactString,
    rule: CompactString,
    /// The names of permissions, with commas; empty if the kind is unknown.
    allowed_by: CompactString,
}

impl RecentRequests {
    /// How many were accepted.
    pub fn accepted(&self) -> u64 {
        self.recorded.iter().map(|kind| kind.count).sum()
    }
}

impl RequestKind {
    /// The kind of a request.
    pub fn of(request: &RequestMatch<'_>) -> Self {
        Self {
            method: request.method.into(),
            rule: request.rule.map_or("", Rule::as_str).into(),
            allowed_by: request.permissions.join(",").into(),
        }
    }

    /// Whether the method and path were not presented, or there were too many kinds.
    pub fn is_unknown(&self) -> bool {
        self.allowed_by.is_empty()
    }

    /// The method; empty if it is neither standard nor named by a rule.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The rule that names the path most exactly; `None` if only `full` allows it, or if it cannot
    /// be read.
    pub fn rule(&self) -> Option<Rule> {
        self.rule.parse().ok()
    }

    /// The names of the permissions that allowed it.
    pub fn allowed_by(&self) -> impl Iterator<Item = &str> {
        self.allowed_by.split(',')
    }

    /// Whether it is the kind of a request; allocates nothing.
    pub fn is_of(&self, request: &RequestMatch<'_>) -> bool {
        self.method == request.method
            && self.rule == request.rule.map_or("", Rule::as_str)
            && self
                .allowed_by
                .split(',')
                .eq(request.permissions.iter().copied())
    }
}

/// Accepted requests of one kind.
#[derive(Clone, Debug)]
pub struct RequestEvent {
    /// The key.
    pub key: KeyId,
    /// The kind.
    pub kind: RequestKind,
    /// The number of requests.
    pub count: u32,
    /// The time of the last.
    pub at: Timestamp,
    /// The client's address at the last.
    pub address: Option<IpAddr>,
}

/// The requests of a key on the last days.
#[derive(Clone, Debug, Default)]
pub struct RecentRequests {
    /// Those that were accepted, by kind.
    pub recorded: Vec<RecordedRequests>,
    /// How many were refused, for the reason that was asked for.
    pub refused: u64,
}

/// Requests of a key of one kind.
#[derive(Clone, Debug)]
pub struct RecordedRequests {
    /// The kind.
    pub kind: RequestKind,
    /// The permissions as they were defined then; `None` if that cannot be read.
    pub permissions: Option<Rc<Permissions>>,
    /// The number of requests.
    pub count: u64,
    /// The time of the last.
    pub last_at: Timestamp,
    /// Its address, if recorded.
    pub address: Option<String>,
}

/// Whether the tables exist; not in an older record that has not been written to since.
fn has_tables(connection: &Connection) -> Result<bool, Error> {
    Ok(connection.table_exists(None, "requests")?)
}

/// Records requests, with the permissions as they are defined, in JSON.
pub(super) fn note(
    to: &Transaction<'_>,
    requests: &[RequestEvent],
    permissions: &str,
    retention: Retention,
) -> Result<(), Error> {
    if requests.is_empty() {
        return Ok(());
    }
    let definition = definition(to, permissions)?;
    for request in requests {
        request.write(definition, to, retention)?;
    }
    Ok(())
}

/// The number of a definition of permissions; adds it if it is new, and removes those that no
/// request refers to.
fn definition(to: &Transaction<'_>, permissions: &str) -> Result<i64, Error> {
    let known = to
        .prepare_cached("SELECT id FROM definitions WHERE permissions = ?1")?
        .query_row([permissions], |row| row.get(0))
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    let unused = "DELETE FROM definitions WHERE id NOT IN (SELECT definition FROM requests)";
    to.execute(unused, [])?;
    let mut add = to.prepare("INSERT INTO definitions (permissions) VALUES (?1)")?;
    Ok(add.insert([permissions])?)
}

impl RequestEvent {
    fn write(
        &self,
        definition: i64,
        to: &Transaction<'_>,
        retention: Retention,
    ) -> Result<(), Error> {
        if self.add_to_known(definition, to)? {
            return Ok(());
        }
        if !self.kind.is_unknown() && !self.has_room(to)? {
            let unknown = Self {
                kind: RequestKind::default(),
                ..self.clone()
            };
            return unknown.write(definition, to, retention);
        }
        self.insert(definition, to)?;
        self.remove_old_days(to, retention)
    }

    /// Adds it to the same kind of the same day; whether there is one.
    fn add_to_known(&self, definition: i64, to: &Transaction<'_>) -> Result<bool, Error> {
        let known = to
            .prepare_cached(
                "UPDATE requests SET count = min(count + ?7, 4294967295),
                   address = iif(last_at > ?8 AND last_at <= ?10, address, ?9),
                   last_at = iif(last_at > ?10, ?8, max(last_at, ?8))
                 WHERE key_id = ?1 AND day = ?2 AND definition = ?3 AND method = ?4 AND rule = ?5
                   AND allowed_by = ?6",
            )?
            .execute(params![
                self.key,
                day_of(self.at),
                definition,
                &*self.kind.method,
                &*self.kind.rule,
                &*self.kind.allowed_by,
                self.count,
                self.at.as_second(),
                self.address(),
                latest(self.at)
            ])?;
        Ok(known > 0)
    }

    /// Whether its day can have another kind.
    fn has_room(&self, to: &Transaction<'_>) -> Result<bool, Error> {
        let query = "SELECT count(*) < ?3 FROM requests WHERE key_id = ?1 AND day = ?2";
        let day = day_of(self.at);
        let mut statement = to.prepare_cached(query)?;
        Ok(statement.query_row(params![self.key, day, MAX_KINDS], |row| row.get(0))?)
    }

    fn insert(&self, definition: i64, to: &Transaction<'_>) -> Result<(), Error> {
        to.prepare_cached(
            "INSERT INTO requests
               (key_id, day, definition, method, rule, allowed_by, count, last_at, address)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            self.key,
            day_of(self.at),
            definition,
            &*self.kind.method,
            &*self.kind.rule,
            &*self.kind.allowed_by,
            self.count,
            self.at.as_second(),
            self.address(),
        ])?;
        Ok(())
    }

    /// Not by date: the clock may be wrong. If it was ahead, its days are removed first.
    fn remove_old_days(&self, to: &Transaction<'_>, retention: Retention) -> Result<(), Error> {
        to.prepare_cached(
            "DELETE FROM requests WHERE key_id = ?1 AND day NOT IN
               (SELECT DISTINCT day FROM requests WHERE key_id = ?1
                ORDER BY day > ?3, day DESC LIMIT ?2)",
        )?
        .execute(params![
            self.key,
            retention.days().min(REQUEST_DAYS as i64),
            latest_day(self.at)
        ])?;
        Ok(())
    }

    /// From where it came, as stored; empty if that is not known.
    fn address(&self) -> String {
        let address = self.address.map(|address| address.to_string());
        address.unwrap_or_default()
    }
}

/// Whether any request was recorded after that day or second.
pub(super) fn has_after(connection: &Connection, day: i64, second: i64) -> Result<bool, Error> {
    if !has_tables(connection)? {
        return Ok(false);
    }
    let query = "SELECT EXISTS (SELECT 1 FROM requests WHERE day > ?1 OR last_at > ?2)";
    Ok(connection.query_row(query, [day, second], |row| row.get(0))?)
}

/// Moves requests recorded by a clock that was ahead to the current time.
pub(super) fn bring_back(to: &Connection, now: Timestamp) -> Result<(), Error> {
    if !has_tables(to)? {
        return Ok(());
    }
    let (day, second) = (day_of(now), now.as_second());
    to.execute(
        "INSERT INTO requests
         SELECT key_id, ?1, definition, method, rule, allowed_by, min(sum(count), 4294967295), ?2,
           address
         FROM requests WHERE day > ?1 GROUP BY key_id, definition, method, rule, allowed_by
         ON CONFLICT DO UPDATE SET count = min(requests.count + excluded.count, 4294967295),
           last_at = ?2, address = excluded.address",
        [day, second],
    )?;
    to.execute("DELETE FROM requests WHERE day > ?1", [day])?;
    let begun = "UPDATE about SET requests_since = min(requests_since, ?1)";
    to.execute(begun, [second])?;
    let late = "UPDATE requests SET last_at = ?1 WHERE last_at > ?1";
    to.execute(late, [second])?;
    Ok(())
}

impl UsageStore {
    /// Since when requests are recorded; `None` if they are not yet.
    pub fn requests_since(&self) -> Result<Option<Timestamp>, Error> {
        self.with_path(|usage| {
            let connection = &usage.connection;
            if !connection.column_exists(None, "about", "requests_since")? {
                return Ok(None);
            }
            let query = "SELECT requests_since FROM about";
            let since = connection.query_row(query, [], |row| moment(row, 0));
            Ok(since.optional()?)
        })
    }

    /// The requests of each of these keys on the last [`REQUEST_DAYS`], if there were any: those
    /// that were accepted, and how many were refused with this verdict.
    pub fn recent_requests(
        &self,
        keys: &[KeyId],
        refused_as: &str,
        now: Timestamp,
    ) -> Result<HashMap<KeyId, RecentRequests>, Error> {
        let keys = serde_json::to_string(keys).expect("numbers are JSON");
        self.with_path(|usage| {
            let mut found = usage.refused_requests(&keys, refused_as, now)?;
            if has_tables(&usage.connection)? {
                usage.read_recorded(&keys, now, &mut found)?;
            }
            Ok(found)
        })
    }

    fn refused_requests(
        &self,
        keys: &str,
        refused_as: &str,
        now: Timestamp,
    ) -> Result<HashMap<KeyId, RecentRequests>, Error> {
        let query = "SELECT key_id, sum(count) FROM json_each(?1) AS given
             JOIN days ON key_id = given.value AND day BETWEEN ?2 - ?3 + 1 AND ?2
             WHERE verdict = ?4 GROUP BY key_id";
        let within = params![keys, day_of(now), REQUEST_DAYS as i64, refused_as];
        let found = self.rows(query, within, |row| {
            let refused = row.get::<_, i64>(1)?.unsigned_abs();
            let recorded = Vec::new();
            Ok((row.get(0)?, RecentRequests { recorded, refused }))
        })?;
        Ok(found.into_iter().collect())
    }

    fn read_recorded(
        &self,
        keys: &str,
        now: Timestamp,
        found: &mut HashMap<KeyId, RecentRequests>,
    ) -> Result<(), Error> {
        let definitions = self.definitions()?;
        // SQLite takes the address from the row with the maximum.
        let query = "SELECT key_id, method, rule, allowed_by, definition, sum(count), max(last_at),
               address
             FROM json_each(?1) AS given
             JOIN requests ON key_id = given.value AND day BETWEEN ?2 - ?3 + 1 AND ?2
             GROUP BY key_id, definition, method, rule, allowed_by";
        let within = params![keys, day_of(now), REQUEST_DAYS as i64];
        let recorded = self.rows(query, within, |row| {
            let text = |column| row.get::<_, String>(column).map(CompactString::from);
            let definition: i64 = row.get(4)?;
            let address: String = row.get(7)?;
            let recorded = RecordedRequests {
                kind: RequestKind {
                    method: text(1)?,
                    rule: text(2)?,
                    allowed_by: text(3)?,
                },
                permissions: definitions.get(&definition).cloned(),
                count: row.get::<_, i64>(5)?.unsigned_abs(),
                last_at: moment(row, 6)?.min(now),
                address: Some(address).filter(|address| !address.is_empty()),
            };
            Ok((row.get(0)?, recorded))
        })?;
        for (key, recorded) in recorded {
            found.entry(key).or_default().recorded.push(recorded);
        }
        Ok(())
    }

    /// The definitions of permissions that can be read, by their numbers.
    fn definitions(&self) -> Result<HashMap<i64, Rc<Permissions>>, Error> {
        let query = "SELECT id, permissions FROM definitions";
        let all = self.rows(query, [], |row| {
            let text: String = row.get(1)?;
            Ok((row.get(0)?, Permissions::from_json(&text)))
        })?;
        let read =
            |(id, permissions): (i64, Option<Permissions>)| Some((id, Rc::new(permissions?)));
        Ok(all.into_iter().filter_map(read).collect())
    }
}

#[cfg(test)]
mod tests;
