//! Reads all valid secrets with their hashes, for servers that cannot read the vault.

use std::ops::ControlFlow;

use jiff::Timestamp;
use rusqlite::params;

use super::keys::{COLUMNS, WIDTH, record};
use super::log;
use super::pages::CURRENT_SECRETS;
use super::store::StoredRow;
use super::{Error, Record, Vault};
use crate::key::{Digest, Kind, Tail};

/// How many bytes of the first entry's hash identify a vault.
const VAULT_MARK_LENGTH: usize = 8;

/// The first character of a hash that names its scheme, as in Dovecot.
const SCHEME: char = '{';

/// A valid secret and its key.
#[derive(Debug)]
pub struct ValidSecret {
    /// The key.
    pub record: Record,
    /// The secret's tail.
    pub tail: Tail,
    /// Its digest, if it is known.
    pub digest: Option<Digest>,
    /// Its hash, preceded by its scheme, as in `{ARGON2ID}$argon2id$…`, if it has one.
    pub hash: Option<String>,
    /// When it retires, if it is not the key's current one.
    pub retires_at: Option<Timestamp>,
}

impl ValidSecret {
    /// Whether it is an imported password, whose tail is unknown.
    pub fn is_imported(&self) -> bool {
        self.tail.is_imported()
    }
}

impl Vault {
    /// The identity of this vault and its backups; `None` before its first entry.
    pub fn mark(&self) -> Result<Option<String>, Error> {
        let origin = log::origin(&self.store)?;
        Ok(origin.map(|hash| base16ct::lower::encode_string(&hash[..VAULT_MARK_LENGTH])))
    }

    /// Calls `take` for every secret that is valid at `now`, or unreadable, in the order in which
    /// the keys were created, a key's current secret before its old one.
    pub fn each_valid<E: From<Error>>(
        &self,
        kind: Option<Kind>,
        now: Timestamp,
        mut take: impl FnMut(Result<ValidSecret, Error>) -> Result<(), E>,
    ) -> Result<(), E> {
        let query = format!(
            "SELECT {COLUMNS}, secrets.digest, secrets.hash, retiring.digest, retiring.hash
             FROM {CURRENT_SECRETS} AND (?1 IS NULL OR keys.kind = ?1) ORDER BY secrets.key_id"
        );
        let kind = kind.map(<&str>::from);
        self.store.scan(&query, params![kind], |row| {
            match valid_secrets(row, now) {
                Ok(valid_secrets) => valid_secrets
                    .into_iter()
                    .flatten()
                    .try_for_each(|one| take(Ok(one)))?,
                Err(error) => take(Err(error))?,
            }
            Ok::<_, E>(ControlFlow::<()>::Continue(()))
        })?;
        Ok(())
    }
}

/// The row's valid secrets: the current one, and the old one.
fn valid_secrets(row: &StoredRow<'_>, now: Timestamp) -> Result<[Option<ValidSecret>; 2], Error> {
    let found = record(row)?;
    if !found.key.effective_status(now).is_valid() {
        return Ok([None, None]);
    }
    let old = found.key.retiring_at(now).cloned();
    let old = old.map(|old| {
        Ok::<_, Error>(ValidSecret {
            record: found.clone(),
            digest: digest(row, WIDTH + 2)?,
            hash: hash(row, WIDTH + 3)?,
            tail: old.tail,
            retires_at: Some(old.until),
        })
    });
    let current = ValidSecret {
        tail: found.key.tail.clone(),
        digest: digest(row, WIDTH)?,
        hash: hash(row, WIDTH + 1)?,
        retires_at: None,
        record: found,
    };
    Ok([Some(current), old.transpose()?])
}

/// A hash that fits on one line, whatever was written to the vault.
fn hash(row: &StoredRow<'_>, column: usize) -> Result<Option<String>, Error> {
    let Some(text) = row.get::<Option<String>>(column)? else {
        return Ok(None);
    };
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    if text.is_empty() || !text.bytes().all(is_plain) {
        let id = row.get::<i64>(0)?;
        let message = format!("key number {id} has a hash that cannot be read");
        return Err(Error::Damaged(message));
    }
    Ok(Some(match text.starts_with(SCHEME) {
        true => text,
        false => format!("{{ARGON2ID}}{text}"),
    }))
}

fn digest(row: &StoredRow<'_>, column: usize) -> Result<Option<Digest>, Error> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    Ok(bytes.and_then(|bytes| Digest::from_bytes(&bytes)))
}
