//! Converts columns to domain values.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::types::ValueRef;

use super::Error;
use super::store::StoredRow;

/// A stored time, in whole seconds, as a timestamp.
pub(super) fn timestamp(seconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_second(seconds).map_err(|_| Error::Damaged(format!("{seconds} is not a time")))
}

/// The time in a nullable column.
pub(super) fn moment(row: &StoredRow<'_>, column: usize) -> Result<Option<Timestamp>, Error> {
    row.get::<Option<i64>>(column)?.map(timestamp).transpose()
}

pub(super) fn parsed<T: FromStr>(row: &StoredRow<'_>, column: usize) -> Result<T, Error> {
    optional(row, column)?.ok_or_else(|| damaged(row, column))
}

pub(super) fn optional<T: FromStr>(row: &StoredRow<'_>, column: usize) -> Result<Option<T>, Error> {
    match row.value(column)? {
        ValueRef::Null => Ok(None),
        value => {
            let text = value.as_str().map_err(|_| damaged(row, column))?;
            text.parse().map(Some).map_err(|_| damaged(row, column))
        }
    }
}

pub(super) fn damaged(row: &StoredRow<'_>, column: usize) -> Error {
    let id: i64 = row.get(0).unwrap_or_default();
    let column = row.name(column).unwrap_or("?");
    Error::Damaged(format!(
        "key number {id} has a {column} that cannot be read"
    ))
}
