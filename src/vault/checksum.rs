//! Checksums of stored secrets: they cover columns that are not in the log, above all the hash.
//!
//! Each includes random bytes that are stored, and deleted, with the secret: what stays in the log
//! cannot be used to verify guesses of a weak hash.

use rusqlite::params;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

use super::column::moment;
use super::contradiction::{CURRENT_CHECKSUM, RETIRING_CHECKSUM};
use super::store::{Store, StoredRow};
use super::{Change, Error, Field, KeyId};
use crate::key::{Key, Tail};
use jiff::Timestamp;

/// The covered columns. More may be added: a null column is skipped, so checksums of secrets
/// without that column stay valid.
const COVERED_COLUMNS: [&str; 6] = [
    "secrets.tail",
    "secrets.login",
    "secrets.hash",
    "secrets.created_at",
    "secrets.digest",
    "keys.created_at",
];

/// A secret's columns, as far as they are not in its key.
pub(super) struct SecretRow {
    pub(super) tail: String,
    pub(super) is_current: bool,
    pub(super) retired_at: Option<Timestamp>,
    /// `None` for a secret from before checksums.
    pub(super) checksum: Option<String>,
}

/// A key's secrets.
pub(super) fn secrets(store: &Store, id: KeyId) -> Result<Vec<SecretRow>, Error> {
    if let Store::Postgres(_) = store {
        return secrets_in_database(store, id);
    }
    let query = format!(
        "SELECT secrets.retires_at IS NULL, secrets.retired_at, secrets.salt, {}
         FROM secrets JOIN keys ON keys.id = secrets.key_id WHERE secrets.key_id = ?1",
        COVERED_COLUMNS.join(", ")
    );
    store.all(&query, params![id], |row| {
        Ok(SecretRow {
            tail: row.get(3)?,
            is_current: row.get(0)?,
            retired_at: moment(row, 1)?,
            checksum: checksum(row)?,
        })
    })
}

/// The same in a database, which makes the checksums: few roles may read what they cover.
fn secrets_in_database(store: &Store, id: KeyId) -> Result<Vec<SecretRow>, Error> {
    let query = "SELECT tail, retired_at, is_current, checksum FROM checksums(?1)";
    store.all(query, params![id], |row| {
        Ok(SecretRow {
            tail: row.get(0)?,
            retired_at: moment(row, 1)?,
            is_current: row.get(2)?,
            checksum: row.get(3)?,
        })
    })
}

/// The checksum of a stored secret, for the log.
pub(super) fn of(store: &Store, id: KeyId, tail: &Tail) -> Result<Option<Field>, Error> {
    let secrets = secrets(store, id)?;
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

/// SHA-256 of the random bytes, and the name and value of each column that is not null, each
/// preceded by its length.
fn checksum(row: &StoredRow<'_>) -> Result<Option<String>, Error> {
    let (ValueRef::Blob(salt) | ValueRef::Text(salt)) = row.value(2)? else {
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
        let value = match row.value(column)? {
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
    Ok(Some(base16ct::lower::encode_string(&digest.finalize())))
}

impl Change<'_> {
    /// The checksums of the secrets that a change gave a key, for the log. A change without new
    /// secrets, such as a deactivation, reads nothing and cannot fail here.
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
        let secrets = secrets(self.store, id)?;
        let field_of = |(name, tail): (&str, &Tail)| {
            let secret = secrets.iter().find(|secret| secret.tail == tail.as_str())?;
            field(name, secret)
        };
        Ok(given.into_iter().filter_map(field_of).collect())
    }
}

/// The secrets that a key has and did not have before, each with its checksum's name.
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
