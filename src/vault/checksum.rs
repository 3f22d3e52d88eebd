//! Checksums of stored secrets: what the log keeps of the columns of which it tells nothing, the
//! hash above all.
//!
//! Each goes over random bytes that lie, and are deleted, with the secret: what stays in the log
//! does not tell whether a guess at a hash that is weak is right.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use super::column::moment;
use super::contradiction::{CURRENT_CHECKSUM, RETIRING_CHECKSUM};
use super::log::hex;
use super::{Change, Error, Field, KeyId};
use crate::key::{Key, Tail};
use jiff::Timestamp;

/// What a checksum covers. Columns may be added: one that is null counts for nothing, so that the
/// checksums of secrets that have no such column stay right.
const COVERED_COLUMNS: [&str; 6] = [
    "secrets.tail",
    "secrets.login",
    "secrets.hash",
    "secrets.created_at",
    "secrets.digest",
    "keys.created_at",
];

/// A secret as the vault holds it, as far as its key does not tell.
pub(super) struct SecretRow {
    pub(super) tail: String,
    pub(super) is_current: bool,
    pub(super) retired_at: Option<Timestamp>,
    /// None of a secret that is older than checksums are.
    pub(super) checksum: Option<String>,
}

/// A key's secrets.
pub(super) fn secrets(connection: &Connection, id: KeyId) -> Result<Vec<SecretRow>, Error> {
    let query = format!(
        "SELECT secrets.retires_at IS NULL, secrets.retired_at, secrets.salt, {}
         FROM secrets JOIN keys ON keys.id = secrets.key_id WHERE secrets.key_id = ?1",
        COVERED_COLUMNS.join(", ")
    );
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query([id])?;
    let mut secrets = Vec::new();
    while let Some(row) = rows.next()? {
        secrets.push(SecretRow {
            tail: row.get(3)?,
            is_current: row.get(0)?,
            retired_at: moment(row, 1)?,
            checksum: checksum(row)?,
        });
    }
    Ok(secrets)
}

/// What the log is to keep of a secret that the vault holds.
pub(super) fn of(connection: &Connection, id: KeyId, tail: &Tail) -> Result<Option<Field>, Error> {
    let secrets = secrets(connection, id)?;
    let secret = secrets.iter().find(|one| one.tail == tail.as_str());
    Ok(secret.and_then(|secret| {
        let name = if secret.is_current {
            CURRENT_CHECKSUM
        } else {
            RETIRING_CHECKSUM
        };
        field(name, secret)
    }))
}

fn field(name: &str, secret: &SecretRow) -> Option<Field> {
    Some(Field {
        field: name.to_owned(),
        from: None,
        to: Some(secret.checksum.clone()?),
    })
}

/// SHA-256 over the random bytes, and the name and the value of each column that is not null, all
/// with their lengths before them.
fn checksum(row: &Row<'_>) -> Result<Option<String>, Error> {
    let (ValueRef::Blob(salt) | ValueRef::Text(salt)) = row.get_ref(2)? else {
        return Ok(None);
    };
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    add(salt);
    for (column, name) in (3..).zip(COVERED_COLUMNS) {
        let number;
        let value = match row.get_ref(column)? {
            ValueRef::Null => continue,
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
            ValueRef::Integer(value) => {
                number = value.to_string();
                number.as_bytes()
            }
            ValueRef::Real(value) => {
                number = value.to_string();
                number.as_bytes()
            }
        };
        add(name.as_bytes());
        add(value);
    }
    Ok(Some(hex(&digest.finalize())))
}

impl Change<'_> {
    /// What the log is to keep of the secrets that a change gave a key. A change that gives it
    /// none, as every one that stops a key, asks for nothing and cannot fail here.
    pub(super) fn checksums(
        &self,
        id: KeyId,
        before: Option<&Key>,
        after: Option<&Key>,
    ) -> Result<Vec<Field>, Error> {
        let given = given(before, after);
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let secrets = secrets(self.transaction, id)?;
        let field_of = |(name, tail): (&str, &Tail)| {
            let secret = secrets.iter().find(|secret| secret.tail == tail.as_str())?;
            field(name, secret)
        };
        Ok(given.into_iter().filter_map(field_of).collect())
    }
}

/// The secrets that a key has and had not before, each with the name of its checksum.
fn given<'a>(before: Option<&Key>, after: Option<&'a Key>) -> Vec<(&'static str, &'a Tail)> {
    let had = before.map(tails).unwrap_or_default();
    let has = after.map(tails).unwrap_or_default();
    let is_new = |(_, tail): &(&str, &Tail)| had.iter().all(|(_, known)| known != tail);
    has.into_iter().filter(is_new).collect()
}

fn tails(key: &Key) -> Vec<(&'static str, &Tail)> {
    let old = key
        .retiring
        .as_ref()
        .map(|old| (RETIRING_CHECKSUM, &old.tail));
    [(CURRENT_CHECKSUM, &key.tail)]
        .into_iter()
        .chain(old)
        .collect()
}
