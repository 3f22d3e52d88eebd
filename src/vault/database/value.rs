//! Values on their way to and from the server.

use std::error::Error as StdError;

use bytes::{BufMut, BytesMut};
use rusqlite::types::{Value, ValueRef};
use tokio_postgres::Row;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::fault::DatabaseFault;
use crate::vault::Error;

type Failure = Box<dyn StdError + Sync + Send>;

/// A value for a statement. Numbers and text are sent as text, which the server converts to the
/// type of the parameter.
#[derive(Debug)]
pub(super) struct Parameter<'a>(pub(super) &'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Integer(number) => out.put_slice(number.to_string().as_bytes()),
            Value::Real(number) => out.put_slice(number.to_string().as_bytes()),
            Value::Text(text) => out.put_slice(text.as_bytes()),
            Value::Blob(bytes) => out.put_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        match self.0 {
            Value::Blob(_) => Format::Binary,
            _ => Format::Text,
        }
    }

    to_sql_checked!();
}

/// A column's value as it was sent.
struct SentValue<'a> {
    kind: Type,
    bytes: &'a [u8],
}

impl<'a> FromSql<'a> for SentValue<'a> {
    fn from_sql(kind: &Type, bytes: &'a [u8]) -> Result<Self, Failure> {
        let kind = kind.clone();
        Ok(Self { kind, bytes })
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A row.
pub type DatabaseRow = Row;

/// The name of a row's column.
pub fn column_name(row: &Row, column: usize) -> Option<&str> {
    row.columns().get(column).map(tokio_postgres::Column::name)
}

/// The value in a row's column, without a copy.
///
/// # Errors
/// If there is no such column, or it has a type that the schema does not use.
pub fn value_ref(row: &Row, column: usize) -> Result<ValueRef<'_>, Error> {
    let found: Option<SentValue<'_>> = row
        .try_get(column)
        .map_err(|error| DatabaseFault::Protocol(error.to_string()))?;
    let Some(SentValue { kind, bytes }) = found else {
        return Ok(ValueRef::Null);
    };
    let number = match kind {
        Type::TEXT | Type::VARCHAR | Type::NAME | Type::BPCHAR => return Ok(ValueRef::Text(bytes)),
        Type::BYTEA => return Ok(ValueRef::Blob(bytes)),
        Type::INT8 => bytes.try_into().ok().map(i64::from_be_bytes),
        Type::INT4 => bytes.try_into().ok().map(i32::from_be_bytes).map(i64::from),
        Type::INT2 => bytes.try_into().ok().map(i16::from_be_bytes).map(i64::from),
        Type::BOOL => bytes.first().copied().map(i64::from),
        _ => None,
    };
    number.map(ValueRef::Integer).ok_or_else(|| {
        let column = row.columns()[column].name().to_owned();
        let kind = kind.name().to_owned();
        DatabaseFault::ForeignType { column, kind }.into()
    })
}

/// The number in a row's column.
pub(super) fn integer(row: &Row, column: usize) -> Result<i64, Error> {
    match value_ref(row, column)? {
        ValueRef::Integer(number) => Ok(number),
        found => {
            let message = format!("a number was expected, and {} found", found.data_type());
            Err(DatabaseFault::Protocol(message).into())
        }
    }
}
