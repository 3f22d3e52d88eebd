//! A row of a query, of either engine.

use rusqlite::types::{FromSql, ValueRef};

use crate::vault::Error;

/// A row.
pub(in crate::vault) enum StoredRow<'a> {
    /// SQLite's.
    Sqlite(&'a rusqlite::Row<'a>),
}

impl StoredRow<'_> {
    /// The value in a column.
    pub(in crate::vault) fn value(&self, column: usize) -> Result<ValueRef<'_>, Error> {
        match self {
            Self::Sqlite(row) => Ok(row.get_ref(column)?),
        }
    }

    /// The same, converted.
    pub(in crate::vault) fn get<T: FromSql>(&self, column: usize) -> Result<T, Error> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
        }
    }

    /// The name of a column.
    pub(in crate::vault) fn name(&self, column: usize) -> Option<&str> {
        match self {
            Self::Sqlite(row) => row.as_ref().column_name(column).ok(),
        }
    }
}
