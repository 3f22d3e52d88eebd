//! Expired keys and retired secrets. Their ends are recorded once seen, so that they stay ended if
//! a clock goes back; a clock that was ahead can be corrected.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::params;

use crate::key::{Key, KeyName, Retiring, Tail};
use crate::vault::store::Store;
use crate::vault::{
    Action, Author, Change, Error, Field, Head, KeyId, Record, Vault, column, keys, log,
};

/// The first schema that records ends.
const FIRST_SCHEMA: i64 = 5;

/// How many ends are recorded at once, the newest first: those would be undone by a clock that goes
/// back slightly.
const BATCH_SIZE: i64 = 1000;

/// Whether any end is not recorded yet.
const ANY_ENDED: &str = "SELECT
  EXISTS (SELECT 1 FROM keys
          WHERE expires_at IS NOT NULL AND expired_at IS NULL AND expires_at <= ?1)
  OR EXISTS (SELECT 1 FROM secrets
             WHERE retires_at IS NOT NULL AND retired_at IS NULL AND retires_at <= ?1)";

/// Keys with an end that is not recorded yet.
const ENDED: &str = "SELECT id FROM (
    SELECT id, expires_at AS ended_at FROM keys
    WHERE expires_at IS NOT NULL AND expired_at IS NULL AND expires_at <= ?1
    UNION ALL
    SELECT key_id, retires_at FROM secrets
    WHERE retires_at IS NOT NULL AND retired_at IS NULL AND retires_at <= ?1
  ) AS ended GROUP BY id ORDER BY max(ended_at) DESC";

/// Keys with an end recorded that, by the current clock, is in the future.
const AHEAD: &str = "SELECT id FROM keys WHERE expired_at IS NOT NULL AND expires_at > ?1
  UNION SELECT key_id FROM secrets WHERE retired_at IS NOT NULL AND retires_at > ?1";

/// The next end after a time that is not recorded yet.
const NEXT_END: &str = "SELECT min(ends_at) FROM (
    SELECT min(expires_at) AS ends_at FROM keys
    WHERE expires_at IS NOT NULL AND expired_at IS NULL AND expires_at > ?1
    UNION ALL
    SELECT min(retires_at) FROM secrets
    WHERE retires_at IS NOT NULL AND retired_at IS NULL AND retires_at > ?1) AS ends";

/// The key that has a secret.
const OWNER: &str = "SELECT key_id FROM secrets WHERE tail = ?1";

/// The observed end of a secret, not recorded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedEnd {
    /// The secret's last 16 characters.
    pub tail: Tail,
    /// When its key was to expire then; a key that has been extended since is not affected.
    pub expires_at: Option<Timestamp>,
    /// When it was to retire itself.
    pub retires_at: Option<Timestamp>,
    /// When the end was observed.
    pub at: Timestamp,
}

impl Vault {
    /// Records all expired keys and retired secrets by the author's clock, each with a log entry.
    /// Returns whether these are all; unreadable keys do not count, since they are refused anyway.
    ///
    /// # Errors
    /// If the vault cannot be written; nothing was recorded then.
    pub fn note_ends(&mut self, author: &Author) -> Result<bool, Error> {
        let now = author.clock;
        if !self.has_ends_to_note(now)? {
            return Ok(true);
        }
        let ids = ids(&self.store, ENDED, now, BATCH_SIZE)?;
        let is_all = ids.len() < BATCH_SIZE as usize;
        let found = ids.iter().find(|&&id| self.by_id(id).is_ok());
        if found.is_some() {
            self.note_with(author, |change| change.note_ends(&ids))?;
        }
        Ok(is_all)
    }

    /// Records the observed ends of secrets, and no others. Does nothing if another clock has been
    /// accepted since the log had this head.
    ///
    /// # Errors
    /// If the vault cannot be written; nothing was recorded then.
    pub fn note_seen<'a>(
        &mut self,
        author: &Author,
        seen: impl Iterator<Item = &'a ObservedEnd>,
        since: Option<Head>,
    ) -> Result<(), Error> {
        match self.has_ends()? {
            true => self.note_with(author, |change| change.note_seen(seen, since)),
            false => Ok(()),
        }
    }

    fn note_with(
        &mut self,
        author: &Author,
        note: impl FnOnce(&Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let author = Author {
            action: Action::Expire,
            ..author.clone()
        };
        // The other keys go by the clock, too.
        self.change_quietly(&author, note)
    }

    fn has_ends_to_note(&self, now: Timestamp) -> Result<bool, Error> {
        if !self.has_ends()? {
            return Ok(false);
        }
        self.store
            .only(ANY_ENDED, params![now.as_second()], |row| row.get(0))
    }

    /// Whether the schema records ends: a vault that could not be migrated does not.
    fn has_ends(&self) -> Result<bool, Error> {
        Ok(self.schema_version()? >= FIRST_SCHEMA)
    }

    /// The time of the next end after that time that is not recorded yet.
    pub fn next_end(&self, after: Timestamp) -> Result<Option<Timestamp>, Error> {
        if !self.has_ends()? {
            return Ok(None);
        }
        self.store
            .only(NEXT_END, params![after.as_second()], |row| {
                column::moment(row, 0)
            })
    }

    /// Whether a clock has been accepted since the log had this head, or the log is that of a
    /// restored backup.
    pub fn has_accepted_clock(&self, since: Head) -> Result<bool, Error> {
        has_accepted_clock(&self.store, since)
    }

    /// The keys with an end recorded that, by the current clock, is in the future: one of the two
    /// clocks is wrong.
    pub fn ended_early(&self, now: Timestamp) -> Result<Vec<Record>, Error> {
        if !self.has_ends()? {
            return Ok(Vec::new());
        }
        let ids = ids(&self.store, AHEAD, now, i64::MAX)?;
        // An unreadable key is reported when it is needed.
        let records = ids.into_iter().filter_map(|id| self.by_id(id).ok());
        Ok(records.flatten().collect())
    }

    /// Accepts the author's clock: recorded ends that are in the future by this clock are removed,
    /// if the author was told of the key and the log agrees. Returns these keys.
    ///
    /// # Errors
    /// If the vault cannot be written; then nothing has changed.
    pub fn accept_clock(
        &mut self,
        told: &[Record],
        author: &Author,
    ) -> Result<Vec<KeyName>, Error> {
        let told: BTreeSet<KeyId> = told.iter().map(|record| record.id).collect();
        let newest = self.newest_entry()?.map(|entry| entry.at);
        self.change(author, |change| {
            let revived = change.forget_early_ends(&told)?;
            change.note(&[Field {
                field: "clock".to_owned(),
                from: newest.map(|at| at.to_string()),
                to: Some(change.now().to_string()),
            }])?;
            Ok(revived)
        })
    }
}

impl Change<'_> {
    fn note_ends(&self, ids: &[KeyId]) -> Result<(), Error> {
        let now = self.now();
        for &id in ids {
            // An unreadable key is reported when it is needed.
            if let Ok(Some(found)) = keys::by_id(self.store, id) {
                self.write_ends(&found, &with_ends_recorded(&found.key, now))?;
            }
        }
        Ok(())
    }

    fn note_seen<'a>(
        &self,
        all: impl Iterator<Item = &'a ObservedEnd>,
        since: Option<Head>,
    ) -> Result<(), Error> {
        let has_accepted = |head| has_accepted_clock(self.store, head);
        if since.map_or(Ok(false), has_accepted)? {
            return Ok(());
        }
        for seen in all {
            let tail = params![seen.tail.as_str()];
            let Some(id) = self.store.one(OWNER, tail, |row| row.get(0))? else {
                continue;
            };
            if let Ok(Some(found)) = keys::by_id(self.store, id) {
                self.write_ends(&found, &seen.with_end_recorded(&found.key))?;
            }
        }
        Ok(())
    }

    fn forget_early_ends(&self, told: &BTreeSet<KeyId>) -> Result<Vec<KeyName>, Error> {
        let now = self.now();
        let mut names = Vec::new();
        let ahead = ids(self.store, AHEAD, now, i64::MAX)?;
        for id in ahead.into_iter().filter(|id| told.contains(id)) {
            if let Ok(Some(found)) = keys::by_id(self.store, id) {
                self.write_ends(&found, &without_early_end(&found.key, now))?;
                names.push(found.key.name);
            }
        }
        Ok(names)
    }

    /// Records the ends of a key, with a log entry.
    fn write_ends(&self, before: &Record, after: &Key) -> Result<(), Error> {
        if *after == before.key {
            return Ok(());
        }
        let seconds = |seen: Option<Timestamp>| seen.map(Timestamp::as_second);
        let expired = "UPDATE keys SET expired_at = ?2 WHERE id = ?1";
        self.store
            .execute(expired, params![before.id, seconds(after.expired_at)])?;
        let retired =
            "UPDATE secrets SET retired_at = ?2 WHERE key_id = ?1 AND retires_at IS NOT NULL";
        let retired_at = after.retiring.as_ref().and_then(|old| old.retired_at);
        self.store
            .execute(retired, params![before.id, seconds(retired_at)])?;
        self.log_with(before.id, Some(&before.key), Some(after), &[])
    }
}

impl ObservedEnd {
    /// The key with this end recorded, if it still applies.
    fn with_end_recorded(&self, key: &Key) -> Key {
        let is_over = |end: Option<Timestamp>| end.is_some_and(|end| end <= self.at);
        let mut with_end_recorded = key.clone();
        if key.expires_at == self.expires_at && is_over(key.expires_at) {
            with_end_recorded.expired_at.get_or_insert(self.at);
        }
        let retiring = with_end_recorded.retiring.as_mut();
        if let Some(old) = retiring.filter(|old| old.tail == self.tail)
            && Some(old.until) == self.retires_at
            && is_over(self.retires_at)
        {
            old.retired_at.get_or_insert(self.at);
        }
        with_end_recorded
    }
}

fn has_accepted_clock(store: &Store, since: Head) -> Result<bool, Error> {
    if !log::has(store, Some(since))? {
        return Ok(true);
    }
    let query = "SELECT EXISTS (SELECT 1 FROM log WHERE sequence > ?1 AND command = ?2)";
    let accepts = params![since.0, Action::Doctor.into_str()];
    store.only(query, accepts, |row| row.get(0))
}

/// The key with all ends by `now` recorded.
fn with_ends_recorded(key: &Key, now: Timestamp) -> Key {
    let note = |with_end_recorded: Option<Timestamp>, is_over: bool| {
        with_end_recorded.or(is_over.then_some(now))
    };
    Key {
        expired_at: note(key.expired_at, key.has_expired(now)),
        retiring: key.retiring.clone().map(|old| {
            Box::new(Retiring {
                retired_at: note(old.retired_at, old.is_over(now)),
                ..*old
            })
        }),
        ..key.clone()
    }
}

/// The key without recorded ends that are in the future.
fn without_early_end(key: &Key, now: Timestamp) -> Key {
    let is_past = |end: Option<Timestamp>| end.is_none_or(|end| end <= now);
    Key {
        expired_at: key.expired_at.filter(|_| is_past(key.expires_at)),
        retiring: key.retiring.clone().map(|old| {
            Box::new(Retiring {
                retired_at: old.retired_at.filter(|_| is_past(Some(old.until))),
                ..*old
            })
        }),
        ..key.clone()
    }
}

/// The keys that a query returns, up to a maximum.
fn ids(store: &Store, query: &str, now: Timestamp, most: i64) -> Result<Vec<KeyId>, Error> {
    let query = format!("SELECT id FROM ({query}) AS found LIMIT ?2");
    store.all(&query, params![now.as_second(), most], |row| row.get(0))
}

#[cfg(test)]
mod tests;
