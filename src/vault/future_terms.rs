//! Terms that were computed from a clock that was ahead: they end later than intended.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use strum::VariantArray;

use crate::key::Key;
use crate::vault::{Error, KeyId, Record, Vault, column};

/// The keys with log entries after a time.
const LOGGED_AFTER: &str = "SELECT DISTINCT key_id FROM log WHERE at > ?1 ORDER BY key_id";

/// When a field of a key was last set, by the clock at that time.
const SET_AT: &str = "SELECT at FROM log
  WHERE key_id = ?1 AND json_valid(change)
    AND EXISTS (SELECT 1 FROM json_each(change) WHERE value ->> 'field' = ?2)
  ORDER BY sequence DESC LIMIT 1";

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
        let mut statement = self.connection.prepare_cached(LOGGED_AFTER)?;
        let ids = statement.query_map([latest.as_second()], |row| row.get(0))?;
        let ids: Vec<KeyId> = ids.collect::<Result<_, _>>()?;
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
        let mut statement = self.connection.prepare_cached(SET_AT)?;
        let set_at = statement.query_row(params![id, field], |row| Ok(column::moment(row, 0)));
        Ok(set_at.optional()?.transpose()?.flatten())
    }
}
