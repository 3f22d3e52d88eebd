//! The engine below a vault, and the one way in which statements reach it.

mod row;

use std::ops::ControlFlow;
use std::time::Duration;

use rusqlite::{Connection, ToSql, params};

use super::Error;

pub(super) use row::StoredRow;

/// The connection to a vault's engine.
#[derive(Debug)]
pub(super) enum Store {
    /// A file, or memory.
    Sqlite(Connection),
}

/// A transaction, rolled back unless it is committed.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    store: &'a Store,
    is_open: bool,
}

impl Store {
    /// Runs a statement; returns how many rows it changed.
    pub(super) fn execute(&self, sql: &str, values: &[&dyn ToSql]) -> Result<usize, Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.prepare_cached(sql)?.execute(values)?),
        }
    }

    /// Runs a query until `take` breaks; returns what it broke with.
    pub(super) fn scan<T, E: From<Error>>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        mut take: impl FnMut(&StoredRow<'_>) -> Result<ControlFlow<T>, E>,
    ) -> Result<Option<T>, E> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql).map_err(Error::from)?;
                let mut rows = statement.query(values).map_err(Error::from)?;
                while let Some(row) = rows.next().map_err(Error::from)? {
                    if let ControlFlow::Break(found) = take(&StoredRow::Sqlite(row))? {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }
        }
    }

    /// The first row of a query, if there is one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        read: impl Fn(&StoredRow<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.scan(sql, values, |row| read(row).map(ControlFlow::Break))
    }

    /// The row of a query that always has one.
    pub(super) fn only<T>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        read: impl Fn(&StoredRow<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let row = self.one(sql, values, read)?;
        row.ok_or_else(|| Error::from(rusqlite::Error::QueryReturnedNoRows))
    }

    /// Calls `take` for each row of a query.
    pub(super) fn each(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        mut take: impl FnMut(&StoredRow<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let next = |row: &StoredRow<'_>| take(row).map(|()| ControlFlow::<()>::Continue(()));
        self.scan(sql, values, next).map(|_| ())
    }

    /// All rows of a query.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        mut read: impl FnMut(&StoredRow<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        self.each(sql, values, |row| {
            rows.push(read(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// The first rows of a query that `read` does not skip, up to `most`.
    pub(super) fn some<T>(
        &self,
        most: usize,
        sql: &str,
        values: &[&dyn ToSql],
        read: impl Fn(&StoredRow<'_>) -> Result<Option<T>, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        self.scan(sql, values, |row| {
            if found.len() == most {
                return Ok(ControlFlow::Break(()));
            }
            found.extend(read(row)?);
            Ok::<_, Error>(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// Whether a query has a row.
    pub(super) fn exists(&self, sql: &str, values: &[&dyn ToSql]) -> Result<bool, Error> {
        Ok(self.one(sql, values, |_| Ok(()))?.is_some())
    }

    /// Whether there is such a table: an older vault that could not be migrated may lack it.
    pub(super) fn has_table(&self, table: &str) -> Result<bool, Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.table_exists(Some("main"), table)?),
        }
    }

    /// Whether there is such a column; likewise.
    pub(super) fn has_column(&self, table: &str, column: &str) -> Result<bool, Error> {
        match self {
            Self::Sqlite(connection) => {
                Ok(connection.column_exists(Some("main"), table, column)?)
            }
        }
    }

    /// The highest number that a key ever had; `None` if there never was one.
    pub(super) fn last_key(&self) -> Result<Option<i64>, Error> {
        match self {
            Self::Sqlite(_) => {
                let query = "SELECT seq FROM sqlite_sequence WHERE name = 'keys'";
                self.one(query, &[], |row| row.get(0))
            }
        }
    }

    /// Makes sure that new keys get numbers above this one.
    pub(super) fn reserve_keys(&self, last: i64) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => {
                let raise = "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'keys'";
                if self.execute(raise, params![last])? == 0 {
                    let begin = "INSERT INTO sqlite_sequence (name, seq) VALUES ('keys', ?1)";
                    self.execute(begin, params![last])?;
                }
            }
        }
        Ok(())
    }

    /// Limits how long each operation waits for another process.
    pub(super) fn set_wait(&self, wait: Duration) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.busy_timeout(wait)?),
        }
    }

    /// Keeps the next change in memory until it is committed, however large it is: otherwise SQLite
    /// would lock out readers from its first write to the file on.
    pub(super) fn buffer_changes(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => self.batch("PRAGMA cache_spill = OFF"),
        }
    }

    /// The connection to SQLite, for what only that has.
    pub(super) fn sqlite(&self) -> &Connection {
        match self {
            Self::Sqlite(connection) => connection,
        }
    }

    /// The same, to be overwritten.
    pub(super) fn sqlite_mut(&mut self) -> &mut Connection {
        match self {
            Self::Sqlite(connection) => connection,
        }
    }

    /// Begins a change: from now on, nobody else can begin one.
    ///
    /// # Errors
    /// [`Error::Busy`] if another one takes too long, [`Error::ReadOnly`] if there can be none.
    pub(super) fn begin_change(&self) -> Result<Transaction<'_>, Error> {
        match self {
            // SQLite begins a write transaction on a read-only file, and fails only at the first
            // change.
            Self::Sqlite(connection) if connection.is_readonly("main")? => Err(Error::ReadOnly),
            Self::Sqlite(_) => self.begin("BEGIN IMMEDIATE"),
        }
    }

    /// Begins to read one state, whatever is committed meanwhile.
    pub(super) fn begin_snapshot(&self) -> Result<Transaction<'_>, Error> {
        match self {
            Self::Sqlite(_) => self.begin("BEGIN"),
        }
    }

    fn begin(&self, sql: &str) -> Result<Transaction<'_>, Error> {
        self.batch(sql)?;
        Ok(Transaction {
            store: self,
            is_open: true,
        })
    }

    /// Runs statements without values.
    pub(super) fn batch(&self, sql: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
        }
    }
}

impl Transaction<'_> {
    /// Its store.
    pub(super) fn store(&self) -> &Store {
        self.store
    }

    /// Commits it.
    ///
    /// # Errors
    /// Whether it happened may be unknown then.
    pub(super) fn commit(mut self) -> Result<(), Error> {
        self.store.batch("COMMIT")?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        let is_open = match self.store {
            // A failed statement may have ended it.
            Store::Sqlite(connection) => self.is_open && !connection.is_autocommit(),
        };
        if is_open {
            let _ = self.store.batch("ROLLBACK");
        }
    }
}
