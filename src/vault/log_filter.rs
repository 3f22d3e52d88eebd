//! Searches the log.

use jiff::Timestamp;
use rusqlite::{ToSql, params};

use crate::key::KeyName;
use crate::vault::log::{COLUMNS, Line};
use crate::vault::store::StoredRow;
use crate::vault::{Action, Entry, Error, KeyId, Vault};

/// How many entries a page has.
const PAGE_SIZE: usize = 500;

/// Filters for entries; all of them must match.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Keys that ever had this name.
    pub key: Option<KeyName>,
    /// Only these keys; all if `None`.
    pub ids: Option<Vec<KeyId>>,
    /// At or after this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// One of these actions; any if empty.
    pub actions: Vec<Action>,
}

/// The order of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOrder {
    /// Oldest first.
    Oldest,
    /// Newest first.
    Newest,
}

/// The condition on a row; the statement's first value is its own.
const CONDITION: &str = "(?2 IS NULL OR key_id IN
       (SELECT key_id FROM log WHERE key COLLATE NOCASE = ?2 COLLATE NOCASE))
     AND (?3 IS NULL OR at >= ?3) AND (?4 IS NULL OR at < ?4)
     AND (?5 IS NULL OR command IN (SELECT value FROM json_each(?5)))
     AND (?6 IS NULL OR key_id IN (SELECT CAST(value AS BIGINT) FROM json_each(?6)))";

/// The values of [`CONDITION`].
struct FilterValues {
    key: Option<String>,
    since: Option<i64>,
    until: Option<i64>,
    commands: Option<String>,
    ids: Option<String>,
}

impl LogOrder {
    /// Where reading starts: before the first entry in this order.
    pub fn start(self) -> i64 {
        match self {
            Self::Oldest => 0,
            Self::Newest => i64::MAX,
        }
    }
}

impl LogFilter {
    /// The values of [`CONDITION`] after the first.
    fn values(&self) -> FilterValues {
        let logged: Vec<_> = self
            .actions
            .iter()
            .map(|action| action.into_str())
            .collect();
        let commands = serde_json::to_string(&logged).expect("strings are JSON");
        FilterValues {
            key: self.key.as_ref().map(KeyName::to_string),
            since: self.since.map(Timestamp::as_second),
            until: self.until.map(Timestamp::as_second),
            commands: (!logged.is_empty()).then_some(commands),
            ids: self
                .ids
                .as_ref()
                .map(|ids| serde_json::to_string(ids).expect("numbers are JSON")),
        }
    }
}

impl FilterValues {
    /// All values of a statement with [`CONDITION`].
    fn after<'a>(&'a self, first: &'a dyn ToSql) -> [&'a dyn ToSql; 6] {
        let Self {
            key,
            since,
            until,
            commands,
            ids,
        } = self;
        [first, key, since, until, commands, ids]
    }
}

impl Vault {
    /// Calls `take` for the matching entries after `last`, at most a page of them; returns whether
    /// there may be more.
    pub fn log_page(
        &self,
        last: &mut i64,
        order: LogOrder,
        log_filter: &LogFilter,
        mut take: impl FnMut(Entry),
    ) -> Result<bool, Error> {
        let (after, direction) = match order {
            LogOrder::Oldest => (">", "ASC"),
            LogOrder::Newest => ("<", "DESC"),
        };
        let query = format!(
            "SELECT {COLUMNS} FROM log WHERE sequence {after} ?1 AND {CONDITION}
             ORDER BY sequence {direction} LIMIT {PAGE_SIZE}"
        );
        let from = *last;
        let mut length = 0;
        self.store
            .each(&query, &log_filter.values().after(&from), |row| {
                let entry = Line::read(row)?.entry()?;
                *last = entry.sequence;
                length += 1;
                take(entry);
                Ok(())
            })?;
        Ok(length == PAGE_SIZE)
    }

    /// The newest entry before the last `count` matching ones; 0 if there is none.
    pub fn log_before_last(&self, count: u32, log_filter: &LogFilter) -> Result<i64, Error> {
        let query = format!(
            "SELECT sequence FROM log WHERE {CONDITION} ORDER BY sequence DESC LIMIT 1 OFFSET ?1"
        );
        let values = log_filter.values();
        let before = self
            .store
            .one(&query, &values.after(&count), |row| row.get(0))?;
        Ok(before.unwrap_or(0))
    }

    /// Whether any entry is about a key that ever had the name.
    pub fn is_in_log(&self, name: &KeyName) -> Result<bool, Error> {
        let query = "SELECT 1 FROM log WHERE key COLLATE NOCASE = ?1 COLLATE NOCASE LIMIT 1";
        self.store.exists(query, params![name.as_str()])
    }

    /// Names that keys have or had, unsorted, at most `most`.
    pub fn names_in_log(&self, most: usize) -> Result<Vec<KeyName>, Error> {
        let query = "SELECT DISTINCT key FROM log";
        // Entries about the vault itself have no name.
        let read = |row: &StoredRow<'_>| Ok(row.get::<String>(0)?.parse().ok());
        self.store.some(most, query, &[], read)
    }
}
