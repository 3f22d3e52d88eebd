//! Writes to the usage record.

use std::net::IpAddr;

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior, params};

use super::time::{latest, latest_day};
use super::{
    ACCEPTED, Error, MailEvent, RequestEvent, RequestKind, UNKNOWN_KEY, UsageEvent, UsageStore,
    day_of, mail, networks, refusals, requests,
};
use crate::key::{Tail, WindowSpend, WindowUse};
use crate::settings::{Permissions, Retention};
use crate::vault::KeyId;

/// How many addresses of a key are kept; those recorded by a clock that was ahead are removed
/// first.
const MAX_ADDRESSES: i64 = 10;

/// The tables with a key in each row.
pub(super) const TABLES: [&str; 8] = [
    "secrets",
    "days",
    "addresses",
    "networks",
    "refusals",
    "windows",
    "mail",
    "requests",
];

impl UsageStore {
    /// Records use, what keys have used of their limits since they were last recorded, mail, and
    /// what requests needed of the permissions, in JSON, in one transaction; returns the total use
    /// of each limit.
    ///
    /// # Errors
    /// If they cannot be written; nothing was recorded then.
    pub fn record(
        &mut self,
        events: &[UsageEvent],
        used: &[(KeyId, WindowSpend)],
        mail: &[MailEvent],
        (requests, permissions): (&[RequestEvent], &str),
    ) -> Result<Vec<WindowUse>, Error> {
        let transaction = begin_immediate(&mut self.connection)?;
        write(&transaction, events, self.retention)?;
        for mail in mail {
            mail::note(&transaction, mail, self.retention)?;
            if let Some(tail) = &mail.tail {
                note_secret(&transaction, mail.key, tail, mail.at)?;
            }
        }
        requests::note(&transaction, requests, permissions, self.retention)?;
        let mut spend = transaction.prepare_cached(SPEND)?;
        let all = used.iter().map(|(key, used)| add(&mut spend, *key, *used));
        let all = all.collect::<Result<_, _>>()?;
        drop(spend);
        transaction.commit()?;
        Ok(all)
    }

    /// Decides on a request with a known or unknown key, given the use of its limit so far, and
    /// records the result of `decide`: the verdict, how the secret was presented, and the use of
    /// the limit. If a request of an API key was accepted, also its kind by these permissions.
    ///
    /// # Errors
    /// If it cannot be recorded; nothing was recorded then.
    pub fn record_request<T>(
        &mut self,
        key: Option<KeyId>,
        needed: (Option<RequestKind>, &Permissions),
        decide: impl FnOnce(WindowUse) -> (T, UsageEvent, Option<WindowSpend>),
    ) -> Result<T, Error> {
        let transaction = begin_immediate(&mut self.connection)?;
        let used = super::read::used(&transaction, key.unwrap_or(UNKNOWN_KEY))?;
        let (outcome, sighting, spent) = decide(used);
        let request = needed.0.filter(|_| sighting.verdict == ACCEPTED);
        let request = request.zip(key).map(|(kind, key)| RequestEvent {
            key,
            kind,
            count: sighting.count,
            at: sighting.at,
            address: sighting.address,
        });
        let permissions = needed.1.to_json();
        requests::note(
            &transaction,
            request.as_slice(),
            &permissions,
            self.retention,
        )?;
        write(&transaction, &[sighting], self.retention)?;
        if let (Some(key), Some(spent)) = (key, spent) {
            add(&mut transaction.prepare_cached(SPEND)?, key, spent)?;
        }
        transaction.commit()?;
        Ok(outcome)
    }
}

impl UsageStore {
    /// Deletes everything recorded about these keys.
    ///
    /// # Errors
    /// If it cannot be written; nothing was deleted then.
    pub fn forget(&mut self, keys: &[KeyId]) -> Result<(), Error> {
        let keys = serde_json::to_string(keys).expect("numbers are JSON");
        let forget = |usage: &mut Self| {
            let transaction = begin_immediate(&mut usage.connection)?;
            for table in TABLES {
                // An older record may lack some of the tables.
                if !transaction.table_exists(None, table)? {
                    continue;
                }
                let query = format!(
                    "DELETE FROM {table} WHERE key_id IN (SELECT value FROM json_each(?1))"
                );
                transaction.execute(&query, [&keys])?;
            }
            Ok(transaction.commit()?)
        };
        forget(self).map_err(|error| self.explained(error))
    }
}

pub(super) fn begin_immediate(connection: &mut Connection) -> Result<Transaction<'_>, Error> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

/// Adds to the recorded use of a limit in the same window. If others have already begun the next
/// one (?4, if it is close), late use is dropped; any other window belongs to another limit or a
/// wrong clock, and is replaced.
const SPEND: &str = "INSERT INTO windows (key_id, since, count) VALUES (?1, ?2, ?3)
     ON CONFLICT DO UPDATE SET since = iif(since = ?4, since, ?2),
       count = CASE since WHEN ?2 THEN count + ?3 WHEN ?4 THEN count ELSE ?3 END
     RETURNING since, count";

/// Writes events table by table, in the order of their keys.
fn write(to: &Transaction<'_>, events: &[UsageEvent], retention: Retention) -> Result<(), Error> {
    let mut known = to.prepare_cached(
        "UPDATE days SET count = count + ?4,
           last_at = iif(last_at > ?6, ?5, max(last_at, ?5))
         WHERE key_id = ?1 AND day = ?2 AND verdict = ?3",
    )?;
    for seen in events {
        let (day, at) = (day_of(seen.at), seen.at.as_second());
        let latest = latest(seen.at);
        let day_so_far = params![seen.key_id(), day, seen.verdict, seen.count, at, latest];
        if known.execute(day_so_far)? == 0 {
            seen.begin_day(to, retention)?;
        }
    }
    let accepted = || events.iter().filter(|seen| seen.verdict == ACCEPTED);
    for seen in accepted() {
        if let Some(tail) = &seen.tail {
            note_secret(to, seen.key_id(), tail, seen.at)?;
        }
    }
    // Of several addresses within a second, the last one is written last.
    let mut in_order: Vec<_> = accepted().collect();
    in_order.sort_by_key(|seen| seen.at);
    for seen in in_order {
        if let Some(address) = seen.address {
            seen.write_address(address, to)?;
        }
    }
    // For unknown keys, only days are counted: anybody can cause these refusals.
    for seen in events.iter().filter(|seen| seen.verdict != ACCEPTED) {
        if let Some(key) = seen.key {
            refusals::note(to, key, seen)?;
        }
    }
    Ok(())
}

/// Notes the use of a secret.
fn note_secret(to: &Transaction<'_>, key: KeyId, tail: &Tail, at: Timestamp) -> Result<(), Error> {
    let mut secrets = to.prepare_cached(
        "INSERT INTO secrets (key_id, tail, first_at, last_at) VALUES (?1, ?2, ?3, ?3)
         ON CONFLICT DO UPDATE SET first_at = min(first_at, ?3),
           last_at = iif(last_at > ?4, ?3, max(last_at, ?3))",
    )?;
    secrets.execute(params![key, tail.as_str(), at.as_second(), latest(at)])?;
    Ok(())
}

impl UsageEvent {
    fn key_id(&self) -> KeyId {
        self.key.unwrap_or(UNKNOWN_KEY)
    }

    /// Begins a day of the key, and removes old days.
    fn begin_day(&self, to: &Transaction<'_>, retention: Retention) -> Result<(), Error> {
        let (key, day, at) = (self.key_id(), day_of(self.at), self.at.as_second());
        to.prepare_cached(
            "INSERT INTO days (key_id, day, verdict, count, last_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![key, day, self.verdict, self.count, at])?;
        // Not by date: the clock may be wrong. If it was ahead, its days are removed first.
        to.prepare_cached(
            "DELETE FROM days WHERE key_id = ?1 AND verdict = ?2 AND day IN
               (SELECT day FROM days WHERE key_id = ?1 AND verdict = ?2
                ORDER BY day > ?4, day DESC LIMIT -1 OFFSET ?3)",
        )?
        .execute(params![
            key,
            self.verdict,
            retention.days(),
            latest_day(self.at)
        ])?;
        refusals::prune(to, key, self.verdict)
    }

    fn write_address(&self, from: IpAddr, to: &Transaction<'_>) -> Result<(), Error> {
        let (key, at) = (self.key_id(), self.at.as_second());
        let address = from.to_string();
        let known = to
            .prepare_cached(
                "UPDATE addresses SET count = count + ?3,
                   last_at = iif(last_at > ?5, ?4, max(last_at, ?4)),
                   turn = (SELECT max(turn) + 1 FROM addresses WHERE key_id = ?1)
                 WHERE key_id = ?1 AND address = ?2",
            )?
            .execute(params![key, address, self.count, at, latest(self.at)])?;
        if known > 0 {
            return Ok(());
        }
        to.prepare_cached(
            "INSERT INTO addresses (key_id, address, count, last_at, turn)
             SELECT ?1, ?2, ?3, ?4, ifnull(max(turn), 0) + 1 FROM addresses WHERE key_id = ?1",
        )?
        .execute(params![key, address, self.count, at])?;
        to.prepare_cached(
            "DELETE FROM addresses WHERE key_id = ?1 AND address NOT IN
               (SELECT address FROM addresses WHERE key_id = ?1
                ORDER BY last_at > ?3, last_at DESC, turn DESC LIMIT ?2)",
        )?
        .execute(params![key, MAX_ADDRESSES, latest(self.at)])?;
        networks::note(to, key, from, self.at)
    }
}

fn add(
    spend: &mut CachedStatement<'_>,
    key: KeyId,
    spent: WindowSpend,
) -> Result<WindowUse, Error> {
    let WindowSpend { used, next } = spent;
    let row = spend.query_row(params![key, used.since, used.count, next], |row| {
        Ok(WindowUse {
            since: row.get(0)?,
            count: row.get(1)?,
        })
    });
    Ok(row?)
}
