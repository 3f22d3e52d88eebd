//! Use recorded by a clock that was ahead: ignored until the current clock is accepted, since its
//! real time is unknown.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::time::{latest, latest_day};
use super::write::begin_immediate;
use super::{Error, UsageStore, day_of, mail, networks, refusals, requests};

impl UsageStore {
    /// Whether any use was recorded by a clock that was ahead of this one.
    pub fn has_uses_ahead(&self, now: Timestamp) -> Result<bool, Error> {
        let query = "SELECT
          EXISTS (SELECT 1 FROM days WHERE day > ?1 OR last_at > ?2)
          OR EXISTS (SELECT 1 FROM secrets WHERE last_at > ?2 OR first_at > ?2)
          OR EXISTS (SELECT 1 FROM addresses WHERE last_at > ?2)
          OR EXISTS (SELECT 1 FROM windows WHERE since > ?2)";
        self.with_path(|usage| {
            let ahead = params![latest_day(now), latest(now)];
            let has_uses: bool = usage.connection.query_row(query, ahead, |row| row.get(0))?;
            let (day, second) = (latest_day(now), latest(now));
            Ok(has_uses
                || networks::has_after(&usage.connection, second)?
                || mail::has_after(&usage.connection, day, second)?
                || requests::has_after(&usage.connection, day, second)?
                || refusals::has_after(&usage.connection, day, second)?)
        })
    }

    /// Accepts the clock: recorded use in its future happened by now at the latest, and counts from
    /// now on as having happened just now.
    ///
    /// # Errors
    /// If it cannot be written; nothing has changed then.
    pub fn accept_clock(&mut self, now: Timestamp) -> Result<(), Error> {
        let accept = |usage: &mut Self| {
            let transaction = begin_immediate(&mut usage.connection)?;
            bring_back(&transaction, now)?;
            Ok(transaction.commit()?)
        };
        accept(self).map_err(|error| self.explained(error))
    }
}

fn bring_back(to: &Connection, now: Timestamp) -> Result<(), Error> {
    let seconds = now.as_second();
    to.execute(
        "INSERT INTO days (key_id, day, verdict, count, last_at)
         SELECT key_id, ?1, verdict, min(sum(count), 4294967295), ?2 FROM days
         WHERE day > ?1 GROUP BY key_id, verdict
         ON CONFLICT DO UPDATE SET count = min(days.count + excluded.count, 4294967295)",
        params![day_of(now), seconds],
    )?;
    to.execute("DELETE FROM days WHERE day > ?1", [day_of(now)])?;
    for query in [
        "UPDATE days SET last_at = ?1 WHERE last_at > ?1",
        "UPDATE secrets SET first_at = min(first_at, ?1), last_at = min(last_at, ?1)
         WHERE last_at > ?1 OR first_at > ?1",
        "UPDATE addresses SET last_at = ?1 WHERE last_at > ?1",
        "DELETE FROM windows WHERE since > ?1",
    ] {
        to.execute(query, [seconds])?;
    }
    if networks::has_table(to)? {
        let query = "UPDATE networks SET first_at = ?1 WHERE first_at > ?1";
        to.execute(query, [seconds])?;
    }
    mail::bring_back(to, now)?;
    requests::bring_back(to, now)?;
    refusals::bring_back(to, now)
}
