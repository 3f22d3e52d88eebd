//! Searches the log.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::key::KeyName;
use crate::vault::log::{COLUMNS, Line};
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
    /// The condition on a row, and its parameters from the second on.
    fn condition(&self) -> (&'static str, [Option<String>; 5]) {
        let condition = "(?2 IS NULL OR key_id IN (SELECT key_id FROM log WHERE key = ?2))
             AND (?3 IS NULL OR at >= CAST(?3 AS INTEGER))
             AND (?4 IS NULL OR at < CAST(?4 AS INTEGER))
             AND (?5 IS NULL OR command IN (SELECT value FROM json_each(?5)))
             AND (?6 IS NULL OR key_id IN (SELECT value FROM json_each(?6)))";
        let seconds = |moment: Timestamp| moment.as_second().to_string();
        let logged: Vec<_> = self
            .actions
            .iter()
            .map(|action| action.into_str())
            .collect();
        let commands = serde_json::to_string(&logged).expect("strings are JSON");
        let parameters = [
            self.key.as_ref().map(KeyName::to_string),
            self.since.map(seconds),
            self.until.map(seconds),
            (!logged.is_empty()).then_some(commands),
            self.ids
                .as_ref()
                .map(|ids| serde_json::to_string(ids).expect("numbers are JSON")),
        ];
        (condition, parameters)
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
        let (condition, [key, since, until, commands, ids]) = log_filter.condition();
        let (after, direction) = match order {
            LogOrder::Oldest => (">", "ASC"),
            LogOrder::Newest => ("<", "DESC"),
        };
        let query = format!(
            "SELECT {COLUMNS} FROM log WHERE sequence {after} ?1 AND {condition}
             ORDER BY sequence {direction} LIMIT {PAGE_SIZE}"
        );
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query(params![*last, key, since, until, commands, ids])?;
        let mut length = 0;
        while let Some(row) = rows.next()? {
            let entry = Line::read(row)?.entry()?;
            *last = entry.sequence;
            length += 1;
            take(entry);
        }
        Ok(length == PAGE_SIZE)
    }

    /// The newest entry before the last `count` matching ones; 0 if there is none.
    pub fn log_before_last(&self, count: u32, log_filter: &LogFilter) -> Result<i64, Error> {
        let (condition, [key, since, until, commands, ids]) = log_filter.condition();
        let query = format!(
            "SELECT sequence FROM log WHERE {condition} ORDER BY sequence DESC LIMIT 1 OFFSET ?1"
        );
        let parameters = params![count, key, since, until, commands, ids];
        let before = self
            .connection
            .query_row(&query, parameters, |row| row.get(0));
        Ok(before.optional()?.unwrap_or(0))
    }

    /// Whether any entry is about a key that ever had the name.
    pub fn is_in_log(&self, name: &KeyName) -> Result<bool, Error> {
        let query = "SELECT 1 FROM log WHERE key = ?1 LIMIT 1";
        let row = self
            .connection
            .query_row(query, [name.as_str()], |_| Ok(()));
        Ok(row.optional()?.is_some())
    }

    /// Names that keys have or had, unsorted, at most `most`.
    pub fn names_in_log(&self, most: usize) -> Result<Vec<KeyName>, Error> {
        let query = "SELECT DISTINCT key FROM log";
        let mut statement = self.connection.prepare(query)?;
        let names = statement.query_map([], |row| row.get::<_, String>(0))?;
        // Entries about the vault itself have no name.
        let names = names.map(|name| name.map(|name| name.parse().ok()).transpose());
        Ok(names.flatten().take(most).collect::<Result<_, _>>()?)
    }
}
