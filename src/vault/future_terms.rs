//! Terms that were computed from a clock that was ahead: they end later than intended.

use std::ops::ControlFlow;

use jiff::Timestamp;
use rusqlite::params;
use strum::VariantArray;

use crate::key::Key;
use crate::vault::{Error, Field, KeyId, Record, Vault, column};

/// The keys with log entries after a time.
const LOGGED_AFTER: &str = "SELECT DISTINCT key_id FROM log WHERE at > ?1 ORDER BY key_id";

/// When what of a key was set, by the clock at that time.
const SET: &str = "SELECT at, change FROM log WHERE key_id = ?1 ORDER BY sequence DESC";

/// A term that was computed from a time in the future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermAhead {
    /// The key.
    pub key: Key,
    /// What ends.
    pub what: TermKind,
    /// When.
    pub ends_at: Timestamp,
    /// The time from which it was computed.
    pub set_at: Timestamp,
}

/// What a term ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum TermKind {
    /// A key.
    Key,
    /// The grace period of a key's old secret.
    GracePeriod,
}

impl TermKind {
    /// The name of the end in the log.
    fn field(self) -> &'static str {
        match self {
            Self::Key => "expires_at",
            Self::GracePeriod => "retires_at",
        }
    }

    /// The end, if it is in the future.
    fn of(self, key: &Key, now: Timestamp) -> Option<Timestamp> {
        match self {
            _ if key.has_expired(now) => None,
            Self::Key => key.expires_at,
            Self::GracePeriod => key.retiring_at(now).map(|old| old.until),
        }
    }
}

impl Vault {
    /// The unfinished terms at `now` that were computed from a time after `latest`, the last that
    /// counts as past.
    pub fn terms_ahead(&self, now: Timestamp, latest: Timestamp) -> Result<Vec<TermAhead>, Error> {
        let latest_second = latest.as_second();
        let ids: Vec<KeyId> = self
            .store
            .all(LOGGED_AFTER, params![latest_second], |row| row.get(0))?;
        let mut found = Vec::new();
        for id in ids {
            // An unreadable key is reported when it is needed.
            if let Ok(Some(record)) = self.by_id(id) {
                self.add_terms_ahead(&record, now, latest, &mut found)?;
            }
        }
        Ok(found)
    }

    fn add_terms_ahead(
        &self,
        record: &Record,
        now: Timestamp,
        latest: Timestamp,
        found: &mut Vec<TermAhead>,
    ) -> Result<(), Error> {
        for &what in TermKind::VARIANTS {
            let Some(ends_at) = what.of(&record.key, now) else {
                continue;
            };
            let set_at = self.set_at(record.id, what.field())?;
            if let Some(set_at) = set_at.filter(|&set_at| set_at > latest) {
                found.push(TermAhead {
                    key: record.key.clone(),
                    what,
                    ends_at,
                    set_at,
                });
            }
        }
        Ok(())
    }

    fn set_at(&self, id: KeyId, field: &str) -> Result<Option<Timestamp>, Error> {
        self.store.scan(SET, params![id], |row| {
            // An entry that cannot be read is reported elsewhere.
            let change = serde_json::from_str::<Vec<Field>>(&row.get::<String>(1)?);
            let is_set = change.is_ok_and(|change| change.iter().any(|set| set.field == field));
            Ok::<_, Error>(match is_set {
                true => ControlFlow::Break(column::timestamp(row.get(0)?)?),
                false => ControlFlow::Continue(()),
            })
        })
    }
}
