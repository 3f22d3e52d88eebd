//! A row of a query, of either engine.

use rusqlite::types::{FromSql, ValueRef};

use crate::vault::Error;
use crate::vault::database::{DatabaseRow, column_name, value_ref};

/// A row.
pub(in crate::vault) enum StoredRow<'a> {
    /// SQLite's.
    Sqlite(&'a rusqlite::Row<'a>),
    /// PostgreSQL's.
    Postgres(&'a DatabaseRow),
}

impl StoredRow<'_> {
    /// The value in a column.
    pub(in crate::vault) fn value(&self, column: usize) -> Result<ValueRef<'_>, Error> {
        match self {
            Self::Sqlite(row) => Ok(row.get_ref(column)?),
            Self::Postgres(row) => value_ref(row, column),
        }
    }

    /// The same, converted.
    pub(in crate::vault) fn get<T: FromSql>(&self, column: usize) -> Result<T, Error> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => {
                let value = value_ref(row, column)?;
                T::column_result(value).map_err(|_| {
                    let column = self.name(column).unwrap_or("?");
                    Error::Damaged(format!("a {column} cannot be read"))
                })
            }
        }
    }

    /// The name of a column.
    pub(in crate::vault) fn name(&self, column: usize) -> Option<&str> {
        match self {
            Self::Sqlite(row) => row.as_ref().column_name(column).ok(),
            Self::Postgres(row) => column_name(row, column),
        }
    }
}
