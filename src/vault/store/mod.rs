//! The engine below a vault, and the one way in which statements reach it.
//!
//! Both engines take the same texts: SQLite's, with `?1` for values. `COLLATE NOCASE` follows each
//! operand of a comparison that ignores case, also where SQLite has it from the column.

mod postgres_text;
mod row;

use std::ops::ControlFlow;
use std::time::Duration;

use rusqlite::{Connection, ToSql, params};

use super::Error;
use super::database::{CommitFault, Database, DatabaseFault};

pub(super) use row::StoredRow;

/// The connection to a vault's engine.
#[derive(Debug)]
pub(super) enum Store {
    /// A file, or memory.
    Sqlite(Connection),
    /// A database.
    Postgres(Box<Database>),
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
            Self::Postgres(database) => {
                database.execute(&postgres_text::of(sql), &postgres_text::values(values)?)
            }
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
            Self::Postgres(database) => {
                let mut found = None;
                let values = postgres_text::values(values)?;
                database.each(&postgres_text::of(sql), &values, |row| {
                    found = take(&StoredRow::Postgres(row))?.break_value();
                    Ok::<_, E>(found.is_none())
                })?;
                Ok(found)
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
            Self::Postgres(_) => Ok(true),
        }
    }

    /// Whether there is such a column; likewise.
    pub(super) fn has_column(&self, table: &str, column: &str) -> Result<bool, Error> {
        match self {
            Self::Sqlite(connection) => {
                Ok(connection.column_exists(Some("main"), table, column)?)
            }
            Self::Postgres(_) => Ok(true),
        }
    }

    /// The highest number that a key ever had, or an attempt to add one; `None` if there never was
    /// one.
    pub(super) fn last_key(&self) -> Result<Option<i64>, Error> {
        let query = match self {
            Self::Sqlite(_) => "SELECT seq FROM sqlite_sequence WHERE name = 'keys'",
            Self::Postgres(_) => "SELECT last_value FROM keys_id_seq WHERE is_called",
        };
        self.one(query, &[], |row| row.get(0))
    }

    /// Whether there certainly ever was a key.
    pub(super) fn has_had_keys(&self) -> Result<bool, Error> {
        match self {
            Self::Sqlite(_) => Ok(self.last_key()?.is_some()),
            // An attempt that was rolled back has used a number, too.
            Self::Postgres(_) => self.exists("SELECT 1 FROM keys LIMIT 1", &[]),
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
            Self::Postgres(_) => {
                let raise = "SELECT setval('keys_id_seq', greatest(?1, last_value),
                               is_called OR ?1 >= last_value) FROM keys_id_seq";
                self.each(raise, params![last], |_| Ok(()))?;
            }
        }
        Ok(())
    }

    /// Limits how long each operation waits for another process.
    pub(super) fn set_wait(&self, wait: Duration) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.busy_timeout(wait)?),
            Self::Postgres(database) => database.set_wait(wait),
        }
    }

    /// Keeps the next change in memory until it is committed, however large it is: otherwise SQLite
    /// would lock out readers from its first write to the file on.
    pub(super) fn buffer_changes(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => self.batch("PRAGMA cache_spill = OFF"),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// The connection to SQLite, for what only that has.
    ///
    /// # Errors
    /// [`DatabaseFault::NotAFile`] if it is a database.
    pub(super) fn sqlite(&self) -> Result<&Connection, Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection),
            Self::Postgres(_) => Err(DatabaseFault::NotAFile.into()),
        }
    }

    /// The same, to be overwritten.
    pub(super) fn sqlite_mut(&mut self) -> Result<&mut Connection, Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection),
            Self::Postgres(_) => Err(DatabaseFault::NotAFile.into()),
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
            Self::Postgres(_) => {
                let transaction = self.begin("BEGIN")?;
                // Every change locks the head of the log first; what it reads then is current.
                let lock = "SELECT sequence FROM log_head FOR UPDATE";
                self.each(lock, &[], |_| Ok(()))?;
                Ok(transaction)
            }
        }
    }

    /// Begins to read one state, whatever is committed meanwhile.
    pub(super) fn begin_snapshot(&self) -> Result<Transaction<'_>, Error> {
        match self {
            Self::Sqlite(_) => self.begin("BEGIN"),
            Self::Postgres(_) => self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
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
            Self::Postgres(database) => database.batch(sql),
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
    /// Of SQLite, even one after which the commit may be found in the file; of PostgreSQL,
    /// [`Error::Unsure`] if it is unknown, and else one after which nothing was committed.
    pub(super) fn commit(mut self) -> Result<(), Error> {
        match self.store {
            Store::Sqlite(_) => self.store.batch("COMMIT")?,
            Store::Postgres(database) => database.commit().map_err(|fault| match fault {
                CommitFault::Failed(error) => error,
                CommitFault::Unknown(why) => Error::Unsure(why),
            })?,
        }
        self.is_open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        let is_open = match self.store {
            // A failed statement may have ended it.
            Store::Sqlite(connection) => self.is_open && !connection.is_autocommit(),
            Store::Postgres(_) => self.is_open,
        };
        if is_open {
            let _ = self.store.batch("ROLLBACK");
        }
    }
}
