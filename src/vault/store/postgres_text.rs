//! Statements and their values as PostgreSQL takes them.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value};

use crate::vault::Error;

/// What follows an operand whose case is ignored.
const NOCASE: &str = " COLLATE NOCASE";

/// The text of a statement: `$1` for `?1`, and the lower case of what SQLite compares without case.
pub(super) fn of(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 64);
    let mut parts = sql.split(NOCASE).peekable();
    while let Some(part) = parts.next() {
        let part = part.replace('?', "$");
        match parts.peek() {
            None => text.push_str(&part),
            Some(_) => {
                let is_operand = |next: char| next.is_ascii_alphanumeric() || "_.$".contains(next);
                let operand = part.trim_end_matches(is_operand).len();
                text.push_str(&part[..operand]);
                // In any locale, as the indexes have it.
                text.push_str(&format!("lower({} COLLATE \"C\")", &part[operand..]));
            }
        }
    }
    text
}

/// Copies of the values.
pub(super) fn values(values: &[&dyn ToSql]) -> Result<Vec<Value>, Error> {
    let copied = values.iter().map(|value| {
        Ok(match value.to_sql()? {
            ToSqlOutput::Borrowed(value) => {
                Value::try_from(value).map_err(rusqlite::Error::from)?
            }
            ToSqlOutput::Owned(value) => value,
            _ => Value::Null,
        })
    });
    copied.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_differ_in_placeholders_and_in_what_ignores_case() {
        for (sqlite, postgres) in [
            ("SELECT 1", "SELECT 1"),
            (
                "SELECT id FROM keys WHERE id = ?1 AND at < ?12",
                "SELECT id FROM keys WHERE id = $1 AND at < $12",
            ),
            (
                "WHERE (keys.name COLLATE NOCASE = ?1 COLLATE NOCASE)",
                "WHERE (lower(keys.name COLLATE \"C\") = lower($1 COLLATE \"C\"))",
            ),
            (
                "ORDER BY name COLLATE NOCASE DESC",
                "ORDER BY lower(name COLLATE \"C\") DESC",
            ),
        ] {
            assert_eq!(of(sqlite), postgres);
        }
    }
}
