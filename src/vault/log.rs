//! The audit log: one entry per event, each chained to the previous one.
//!
//! The chain detects damage and careless edits. Whoever can write the file can also write a new
//! chain.

use jiff::Timestamp;
use rusqlite::params;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::column::timestamp;
use super::store::{Store, StoredRow};
use super::{Action, Error, KeyId, Record, Sudoer, Vault};
use crate::key::{Key, KeyName, Kind, Limit};

pub(super) const COLUMNS: &str =
    "sequence, at, uid, \"user\", sudo_user, host, command, key, change, hash, key_id";

pub(super) type ChainHash = [u8; 32];

/// The chain's value before the first entry.
pub(super) const GENESIS: ChainHash = [0; 32];

/// The key number of events of the vault as a whole.
const NO_KEY: i64 = 0;

/// Who acts, as far as the system knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The real user id.
    pub uid: u32,
    /// The user's name, or the number if it has none.
    pub user: String,
    /// Who became that user, for example with sudo.
    pub sudoer: Option<Sudoer>,
    /// The host's name.
    pub host: String,
}

/// The author of a change: the actor, the action and the time.
#[derive(Clone, Debug)]
pub struct Author {
    /// The actor.
    pub actor: Actor,
    /// The action in the log.
    pub action: Action,
    /// The time, in whole seconds.
    pub clock: Timestamp,
    /// Older dead secrets are removed when another one is added.
    pub dead_retention_start: Timestamp,
}

/// A field of a key that an event changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The field's name.
    pub field: String,
    /// The old value; `None` for null.
    pub from: Option<String>,
    /// The new value.
    pub to: Option<String>,
}

/// One event.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number, from 1.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// The actor.
    pub actor: Actor,
    /// The action.
    pub command: String,
    /// The key's name afterwards, or before its deletion; empty for an event of the whole vault.
    pub key: String,
    /// What changed.
    pub change: Vec<Field>,
    /// The chain's value: SHA-256 of this entry and the previous value.
    pub hash: ChainHash,
}

/// A row of the log, as it is hashed.
pub(super) struct Line {
    pub(super) sequence: i64,
    at: i64,
    actor: Actor,
    command: String,
    key: String,
    change: String,
    pub(super) hash: Vec<u8>,
    key_id: i64,
}

impl Line {
    pub(super) fn read(row: &StoredRow<'_>) -> Result<Self, Error> {
        Ok(Self {
            sequence: row.get(0)?,
            at: row.get(1)?,
            actor: Actor {
                uid: row.get(2)?,
                user: row.get(3)?,
                sudoer: row.get::<Option<String>>(4)?.map(Sudoer),
                host: row.get(5)?,
            },
            command: row.get(6)?,
            key: row.get(7)?,
            change: row.get(8)?,
            hash: row.get(9)?,
            key_id: row.get(10)?,
        })
    }

    /// The chain's value after this entry; every field is preceded by its length.
    pub(super) fn chained(&self, before: &[u8]) -> ChainHash {
        let mut digest = Sha256::new();
        let mut add = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        add(before);
        add(&self.sequence.to_le_bytes());
        add(&self.at.to_le_bytes());
        add(&self.actor.uid.to_le_bytes());
        add(self.actor.user.as_bytes());
        let sudoer = self.actor.sudoer.as_ref().map(|who| who.0.as_str());
        add(&[u8::from(sudoer.is_some())]);
        add(sudoer.unwrap_or_default().as_bytes());
        add(self.actor.host.as_bytes());
        add(self.command.as_bytes());
        add(&self.key_id.to_le_bytes());
        add(self.key.as_bytes());
        add(self.change.as_bytes());
        digest.finalize().into()
    }

    pub(super) fn entry(self) -> Result<Entry, Error> {
        let damaged = || Error::Damaged(format!("log entry {} cannot be read", self.sequence));
        Ok(Entry {
            sequence: self.sequence,
            at: timestamp(self.at)?,
            change: serde_json::from_str(&self.change).map_err(|_| damaged())?,
            hash: self.hash.as_slice().try_into().map_err(|_| damaged())?,
            actor: self.actor,
            command: self.command,
            key: self.key,
        })
    }
}

impl Vault {
    /// The newest entries of a key, the newest last.
    pub fn recent(&self, record: &Record, most: usize) -> Result<Vec<Entry>, Error> {
        let query =
            format!("SELECT {COLUMNS} FROM log WHERE key_id = ?1 ORDER BY sequence DESC LIMIT ?2");
        let newest = params![record.id, most as i64];
        let mut entries = self
            .store
            .all(&query, newest, |row| Line::read(row)?.entry())?;
        entries.reverse();
        Ok(entries)
    }

    /// Since when a key has its permission.
    pub fn permission_since(&self, record: &Record) -> Result<Timestamp, Error> {
        let query = "SELECT max(at) FROM log
                     WHERE key_id = ?1 AND instr(change, '\"field\":\"permission\"') > 0";
        let last: Option<i64> = self
            .store
            .only(query, params![record.id], |row| row.get(0))?;
        let created = record.key.created_at;
        last.map_or(Ok(created), |at| Ok(timestamp(at)?.max(created)))
    }

    /// Whether a key's status or secret was last changed by revoking it: its secret has leaked.
    pub fn is_revoked(&self, key: KeyId) -> Result<bool, Error> {
        let query = "SELECT command FROM log WHERE key_id = ?1 AND command IN (?2, ?3, ?4, ?5)
                     ORDER BY sequence DESC LIMIT 1";
        let [activated, deactivated, regenerated, revoked] = [
            Action::Activate,
            Action::Deactivate,
            Action::Regenerate,
            Action::Revoke,
        ]
        .map(|action| action.into_str());
        let actions = params![key, activated, deactivated, regenerated, revoked];
        let last = self.store.one(query, actions, |row| row.get::<String>(0))?;
        Ok(last.as_deref() == Some(revoked))
    }
}

/// The newest entry's sequence and hash, as stored in the vault.
pub(super) fn head(store: &Store) -> Result<Option<(i64, ChainHash)>, Error> {
    let query = "SELECT sequence, hash FROM log_head WHERE sequence > 0";
    store.one(query, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The hash of the first entry, which identifies a vault's log, and its copies.
pub(super) fn origin(store: &Store) -> Result<Option<ChainHash>, Error> {
    let query = "SELECT hash FROM log WHERE sequence = 1";
    store.one(query, &[], |row| row.get(0))
}

/// The identity of a vault; `None` if it never had a key.
pub(super) fn identity(store: &Store) -> Result<Option<Vec<u8>>, Error> {
    Ok(origin(store)?.map(Vec::from))
}

/// Whether an entry is in the log.
pub(super) fn has(store: &Store, entry: Option<(i64, ChainHash)>) -> Result<bool, Error> {
    let Some((sequence, hash)) = entry else {
        return Ok(false);
    };
    let query = "SELECT 1 FROM log WHERE sequence = ?1 AND hash = ?2";
    store.exists(query, params![sequence, hash])
}

/// Appends an event to the log; must be called within the transaction that it describes.
pub(super) fn append(
    store: &Store,
    author: &Author,
    (key_id, name): (i64, &KeyName),
    fields: &[Field],
) -> Result<(), Error> {
    append_to_chain(store, author, key_id, Some(name.to_string()), fields)
}

/// Appends an event of the vault as a whole.
pub(super) fn append_of_vault(
    store: &Store,
    author: &Author,
    changes: &[Field],
) -> Result<(), Error> {
    append_to_chain(store, author, NO_KEY, None, changes)
}

fn append_to_chain(
    store: &Store,
    author: &Author,
    key_id: i64,
    key: Option<String>,
    changes: &[Field],
) -> Result<(), Error> {
    let (last, head) = head(store)?.unwrap_or((0, GENESIS));
    let sequence = last
        .checked_add(1)
        .ok_or_else(|| Error::Damaged("the log's end".to_owned()))?;
    let mut line = Line {
        sequence,
        at: author.clock.as_second(),
        actor: author.actor.clone(),
        command: author.action.into_str().to_owned(),
        key: key.unwrap_or_default(),
        change: serde_json::to_string(changes).expect("a list of strings is JSON"),
        hash: Vec::new(),
        key_id,
    };
    line.hash = line.chained(&head).to_vec();
    write(store, &line)
}

fn write(store: &Store, line: &Line) -> Result<(), Error> {
    let append = format!(
        "INSERT INTO log ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    );
    store.execute(
        &append,
        params![
            line.sequence,
            line.at,
            line.actor.uid,
            line.actor.user,
            line.actor.sudoer.as_ref().map(|who| &who.0),
            line.actor.host,
            line.command,
            line.key,
            line.change,
            line.hash,
            line.key_id,
        ],
    )?;
    let move_head = "INSERT INTO log_head (only_row, sequence, hash) VALUES (1, ?1, ?2)
                     ON CONFLICT (only_row) DO UPDATE
                       SET sequence = excluded.sequence, hash = excluded.hash";
    store.execute(move_head, params![line.sequence, line.hash])?;
    Ok(())
}

/// The differences of a key, field by field; a missing key has no fields.
pub fn differences(before: Option<&Key>, after: Option<&Key>) -> Vec<Field> {
    let (before, after) = (facts(before), facts(after));
    before
        .into_iter()
        .zip(after)
        .filter(|((_, from), (_, to))| from != to)
        .map(|((field, from), (_, to))| Field {
            field: field.to_owned(),
            from,
            to,
        })
        .collect()
}

/// All fields of a key in the log.
pub(super) fn facts(key: Option<&Key>) -> [(&'static str, Option<String>); 18] {
    let of = |fact: fn(&Key) -> Option<String>| key.and_then(fact);
    [
        ("name", of(|key| Some(key.name.to_string()))),
        ("kind", of(|key| Some(key.kind().to_string()))),
        (
            "username",
            of(|key| key.username().map(ToString::to_string)),
        ),
        ("tail", of(|key| Some(key.tail.as_str().to_owned()))),
        (
            "retiring",
            of(|key| {
                key.retiring
                    .as_ref()
                    .map(|old| old.tail.as_str().to_owned())
            }),
        ),
        (
            "retires_at",
            of(|key| key.retiring.as_ref().map(|old| old.until.to_string())),
        ),
        (
            "retired_at",
            of(|key| Some(key.retiring.as_ref()?.retired_at?.to_string())),
        ),
        ("status", of(|key| Some(key.status.into_str().to_owned()))),
        (
            "permission",
            of(|key| key.permission().map(|permission| permission.to_string())),
        ),
        (
            "limit",
            of(|key| {
                // Older entries say nothing of an SMTP key's.
                let is_told = key.kind() == Kind::Api || key.limit() != Limit::None;
                is_told.then(|| key.limit().to_string())
            }),
        ),
        (
            "senders",
            of(|key| {
                let senders = key.senders().filter(|senders| !senders.are_any());
                senders.map(ToString::to_string)
            }),
        ),
        (
            "networks",
            of(|key| (!key.networks.are_any()).then(|| key.networks.to_string())),
        ),
        (
            "description",
            of(|key| key.description.as_ref().map(ToString::to_string)),
        ),
        (
            "labels",
            of(|key| (!key.labels.are_none()).then(|| key.labels.to_string())),
        ),
        (
            "owner",
            of(|key| key.owner.as_ref().map(ToString::to_string)),
        ),
        (
            "expires_at",
            of(|key| {
                Some(
                    key.expires_at
                        .map_or("never".to_owned(), |end| end.to_string()),
                )
            }),
        ),
        (
            "expired_at",
            of(|key| key.expired_at.map(|seen| seen.to_string())),
        ),
        ("decoy", of(|key| key.is_decoy.then(|| "yes".to_owned()))),
    ]
}
