//! Reads keys by name and by tail.

use rusqlite::params;
use rusqlite::types::ValueRef;

use jiff::Timestamp;

use super::column::{moment, optional, parsed, timestamp};
use super::store::{Store, StoredRow};
use super::{Error, Vault};
use crate::key::{
    Access, Digest, Hash, HashError, Key, KeyName, Kind, Limit, Retiring, Tail, Verifier,
};

/// A key's number in the vault, which is never used again.
pub type KeyId = i64;

pub(super) const COLUMNS: &str = "keys.id, keys.name, keys.kind, keys.status, keys.username, \
     keys.permission, keys.request_limit, keys.description, keys.created_at, \
     keys.expires_at, secrets.tail, retiring.tail, retiring.retires_at, keys.expired_at, \
     retiring.retired_at, keys.decoy, keys.networks, keys.senders, keys.recipient_limit, \
     keys.owner, (SELECT string_agg(labels.name || '=' || labels.value, ',') FROM labels \
       WHERE labels.key_id = keys.id) AS labels";

const SOURCE: &str = "keys JOIN secrets ON secrets.key_id = keys.id AND secrets.retires_at IS NULL \
     LEFT JOIN secrets AS retiring \
       ON retiring.key_id = keys.id AND retiring.retires_at IS NOT NULL";

/// A secret's columns besides its key.
const STORED: &str = "presented.tail, presented.retires_at, presented.retired_at, \
     presented.digest, presented.hash";

/// How many secrets a page has.
const PAGE_SIZE: usize = 500;

/// The number of columns in [`COLUMNS`].
pub(super) const WIDTH: usize = 21;

/// A stored key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub id: KeyId,
    /// The key itself.
    pub key: Key,
}

/// A secret that was looked up by its tail.
#[derive(Debug)]
pub struct StoredSecret {
    /// Its last 16 characters.
    pub tail: Tail,
    /// Its verifier.
    pub verifier: Verifier,
    /// Its digest, if it was found out but is not stored yet.
    pub learned: Option<Box<Digest>>,
    /// When it retires or retired, if it is not the key's current secret.
    pub retires_at: Option<Timestamp>,
    /// When it was first seen retired.
    pub retired_at: Option<Timestamp>,
    /// Its key.
    pub record: Record,
}

/// Information about a secret, without its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its last 16 characters.
    pub tail: Tail,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it retires or retired, if it is not the key's current secret.
    pub retires_at: Option<Timestamp>,
    /// When it was first seen retired.
    pub retired_at: Option<Timestamp>,
}

impl StoredSecret {
    /// Whether its grace period has ended by its date; one that only a wrong clock ended may become
    /// valid again.
    pub fn is_past_grace(&self, now: Timestamp) -> bool {
        self.retires_at.is_some_and(|end| end <= now)
    }

    /// Whether it has retired by `now`, or is recorded as retired.
    pub fn is_retired(&self, now: Timestamp) -> bool {
        is_retired(self.retires_at, self.retired_at, now)
    }
}

impl SecretInfo {
    /// Whether it has retired by `now`, or is recorded as retired.
    pub fn is_retired(&self, now: Timestamp) -> bool {
        is_retired(self.retires_at, self.retired_at, now)
    }
}

fn is_retired(
    retires_at: Option<Timestamp>,
    retired_at: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    retired_at.is_some() || retires_at.is_some_and(|end| end <= now)
}

impl Vault {
    /// The key with that name, ignoring case.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if there is none.
    pub fn find(&self, name: &KeyName) -> Result<Record, Error> {
        find(&self.store, name)
    }

    /// The secret with that tail, and its key.
    ///
    /// # Errors
    /// If the vault cannot be read or the hash is too costly to check.
    pub fn presented(&self, tail: &Tail) -> Result<Option<StoredSecret>, Error> {
        let source = match &self.store {
            Store::Sqlite(_) => "(SELECT * FROM secrets WHERE tail = ?1)",
            // Only this function may read hashes, unless the role may read all.
            Store::Postgres(_) => {
                "(SELECT id AS key_id, tail, retires_at, retired_at, digest, hash
                  FROM presented(?1))"
            }
        };
        self.secret_from(source, tail.as_str())
    }

    /// A page of secrets of the keys after this one, in the order of their numbers, without
    /// unreadable ones.
    pub fn secrets_after(&self, last: KeyId) -> Result<Vec<StoredSecret>, Error> {
        let query = format!(
            "SELECT {COLUMNS}, {STORED} FROM secrets AS presented CROSS JOIN {SOURCE}
             WHERE presented.key_id > ?1 AND keys.id = presented.key_id
             ORDER BY presented.key_id LIMIT {PAGE_SIZE}"
        );
        let secrets = self
            .store
            .all(&query, params![last], |row| Ok(presented(row).ok()))?;
        Ok(secrets.into_iter().flatten().collect())
    }

    /// The secret that a source with a value contains.
    pub(super) fn secret_from(
        &self,
        source: &str,
        value: &str,
    ) -> Result<Option<StoredSecret>, Error> {
        let query = format!(
            "SELECT {COLUMNS}, {STORED} FROM {source} AS presented CROSS JOIN {SOURCE}
             WHERE keys.id = presented.key_id"
        );
        self.store.one(&query, params![value], |row| {
            presented(row).map_err(|error| {
                let name = row.value(1).ok();
                let name = name.and_then(|name| name.as_bytes().ok());
                error.of_key(&String::from_utf8_lossy(name.unwrap_or_default()))
            })
        })
    }

    /// A key's secrets, the current one first; the other exists during a rotation, and for some
    /// time afterwards.
    pub fn secrets(&self, id: KeyId) -> Result<Vec<SecretInfo>, Error> {
        Ok(self.secrets_of(&[id])?.remove(&id).unwrap_or_default())
    }

    /// The SMTP key with a username of its own, ignoring case; `None` for a login that keys may
    /// share.
    pub fn of_username(&self, username: &str) -> Result<Option<Record>, Error> {
        let query = format!(
            "SELECT {COLUMNS} FROM {SOURCE}
             WHERE keys.username COLLATE NOCASE = ?1 COLLATE NOCASE
               AND instr(keys.username, '@') = 0"
        );
        self.store.one(&query, params![username], record)
    }

    /// The names of all keys with this username or shared login.
    pub fn names_of_username(&self, username: &str) -> Result<Vec<KeyName>, Error> {
        let query = "SELECT name FROM keys WHERE username COLLATE NOCASE = ?1 COLLATE NOCASE";
        // A damaged name is reported when the key is read.
        let read = |row: &StoredRow<'_>| Ok(row.get::<String>(0)?.parse().ok());
        let names = self.store.all(query, params![username], read)?;
        Ok(names.into_iter().flatten().collect())
    }

    /// The numbers of all keys, the oldest first.
    pub fn ids(&self) -> Result<Vec<KeyId>, Error> {
        self.store
            .all("SELECT id FROM keys ORDER BY id", &[], |row| row.get(0))
    }

    /// How many keys there are.
    pub fn count(&self) -> Result<i64, Error> {
        self.store
            .only("SELECT count(*) FROM keys", &[], |row| row.get(0))
    }

    pub(super) fn by_id(&self, id: KeyId) -> Result<Option<Record>, Error> {
        by_id(&self.store, id)
    }

    /// Up to `most` names with a prefix, sorted; invalid ones are skipped.
    pub fn names(&self, prefix: &str, most: usize) -> Result<Vec<KeyName>, Error> {
        // `~` sorts after every character in names.
        let query = "SELECT name FROM keys
                     WHERE name COLLATE NOCASE >= ?1 COLLATE NOCASE
                       AND name COLLATE NOCASE < ?2 COLLATE NOCASE
                     ORDER BY name COLLATE NOCASE";
        let range = params![prefix, format!("{prefix}~")];
        let read = |row: &StoredRow<'_>| Ok(row.get::<String>(0)?.parse().ok());
        self.store.some(most, query, range, read)
    }
}

pub(super) fn by_id(store: &Store, id: KeyId) -> Result<Option<Record>, Error> {
    let query = format!("SELECT {COLUMNS} FROM {SOURCE} WHERE keys.id = ?1");
    store.one(&query, params![id], record)
}

pub(super) fn find(store: &Store, name: &KeyName) -> Result<Record, Error> {
    let query = format!(
        "SELECT {COLUMNS} FROM {SOURCE} WHERE keys.name COLLATE NOCASE = ?1 COLLATE NOCASE"
    );
    let found = store.one(&query, params![name.as_str()], record)?;
    found.ok_or_else(|| Error::NoSuchKey(name.clone()))
}

pub(super) fn record(row: &StoredRow<'_>) -> Result<Record, Error> {
    Ok(Record {
        id: row.get(0)?,
        key: key(row)?,
    })
}

/// Parses a row of [`COLUMNS`] and [`STORED`].
fn presented(row: &StoredRow<'_>) -> Result<StoredSecret, Error> {
    let record = record(row)?;
    let verifier = verifier(row, WIDTH + 3);
    Ok(StoredSecret {
        tail: parsed(row, WIDTH)?,
        verifier: verifier.map_err(|error| Error::of_hash(&record.key.name, error))?,
        learned: None,
        retires_at: moment(row, WIDTH + 1)?,
        retired_at: moment(row, WIDTH + 2)?,
        record,
    })
}

/// Parses a secret's digest and hash from two adjacent columns. A hash beside a digest is only for
/// other programs, and not validated.
pub(super) fn verifier(row: &StoredRow<'_>, column: usize) -> Result<Verifier, HashError> {
    let digest = match row.value(column) {
        Ok(ValueRef::Blob(bytes)) => Digest::from_bytes(bytes),
        _ => None,
    };
    let hash = row.value(column + 1).ok();
    let hash = hash.and_then(|value| value.as_str().ok());
    let hash: Option<Hash> = match (&digest, hash) {
        (Some(_), text) => text.and_then(|text| text.parse().ok()),
        (None, text) => text.map(str::parse).transpose()?,
    };
    Verifier::new(digest, hash).ok_or(HashError::Missing)
}

pub(super) fn secret_info(row: &StoredRow<'_>) -> Result<SecretInfo, Error> {
    Ok(SecretInfo {
        tail: parsed(row, 1)?,
        created_at: timestamp(row.get(2)?)?,
        retires_at: moment(row, 3)?,
        retired_at: moment(row, 4)?,
    })
}

fn key(row: &StoredRow<'_>) -> Result<Key, Error> {
    Ok(Key {
        name: parsed(row, 1)?,
        access: access(row)?,
        networks: optional(row, 16)?.unwrap_or_default(),
        status: parsed(row, 3)?,
        description: optional(row, 7)?,
        labels: optional(row, 20)?.unwrap_or_default(),
        owner: optional(row, 19)?,
        created_at: timestamp(row.get(8)?)?,
        expires_at: moment(row, 9)?,
        expired_at: moment(row, 13)?,
        tail: parsed(row, 10)?,
        retiring: retiring(row)?.map(Box::new),
        // A vault that could not be migrated has none.
        is_decoy: row.get::<Option<bool>>(15)?.unwrap_or_default(),
    })
}

fn retiring(row: &StoredRow<'_>) -> Result<Option<Retiring>, Error> {
    let tail = optional(row, 11)?;
    let until = moment(row, 12)?;
    let retired_at = moment(row, 14)?;
    Ok(tail.zip(until).map(|(tail, until)| Retiring {
        tail,
        until,
        retired_at,
    }))
}

fn access(row: &StoredRow<'_>) -> Result<Access, Error> {
    Ok(match parsed(row, 2)? {
        Kind::Smtp => Access::Smtp {
            username: parsed(row, 4)?,
            senders: optional(row, 17)?.unwrap_or_default(),
            limit: optional(row, 18)?.unwrap_or(Limit::None),
        },
        Kind::Api => Access::Api {
            permission: parsed(row, 5)?,
            limit: optional(row, 6)?.unwrap_or(Limit::None),
        },
    })
}
