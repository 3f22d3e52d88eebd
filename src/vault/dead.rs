//! Dead secrets: those that were replaced, retired, revoked or deleted. Their digests show whose
//! they were if they are presented.

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{ToSql, params};

use super::column::{damaged, parsed, timestamp};
use super::store::StoredRow;
use super::{Cause, Change, Error, KeyId, StoredSecret, Vault};
use crate::key::{Digest, KeyName, Kind, Tail};

/// A secret that no longer belongs to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadSecret {
    /// Its last 16 characters.
    pub tail: Tail,
    /// Its SHA-256.
    pub digest: Digest,
    /// The number of the key that it belonged to, which may be deleted.
    pub key_id: KeyId,
    /// The key's name at the time.
    pub name: KeyName,
    /// The key's kind.
    pub kind: Kind,
    /// Why it is dead.
    pub cause: Cause,
    /// Since when.
    pub died_at: Timestamp,
}

/// A secret found in a vault.
#[derive(Debug)]
pub enum FoundSecret {
    /// It belongs to a key.
    Owned(Box<StoredSecret>),
    /// It belonged to a key.
    Dead(Box<DeadSecret>),
}

impl Vault {
    /// The secret with that tail, whether a key still has it or it is dead.
    ///
    /// # Errors
    /// If the vault cannot be read or the hash is too costly to check.
    pub fn stored(&self, tail: &Tail) -> Result<Option<FoundSecret>, Error> {
        match self.presented(tail)? {
            Some(owned) => Ok(Some(FoundSecret::Owned(Box::new(owned)))),
            None => {
                let dead = self.dead(tail)?;
                Ok(dead.map(|dead| FoundSecret::Dead(Box::new(dead))))
            }
        }
    }

    fn dead(&self, tail: &Tail) -> Result<Option<DeadSecret>, Error> {
        self.dead_where("tail = ?1", &tail.as_str())
    }

    fn dead_where(&self, condition: &str, value: &dyn ToSql) -> Result<Option<DeadSecret>, Error> {
        let query = format!(
            "SELECT key_id, tail, digest, key, kind, cause, died_at FROM dead_secrets
             WHERE {condition} ORDER BY died_at DESC LIMIT 1"
        );
        self.store.one(&query, &[value], dead)
    }

    /// A dead secret of a deleted key.
    pub fn dead_of_deleted(&self, id: KeyId) -> Result<Option<DeadSecret>, Error> {
        self.dead_where("key_id = ?1 AND key_id NOT IN (SELECT id FROM keys)", &id)
    }

    /// All its secrets as dead ones, for when another vault replaces this one; unreadable ones are
    /// left out.
    pub(super) fn all_as_dead(&self, now: Timestamp) -> Vec<DeadSecret> {
        let query = "SELECT key_id, tail, digest, name, kind, 'replaced', ?1
                     FROM secrets JOIN keys ON keys.id = key_id WHERE digest IS NOT NULL
                     UNION ALL SELECT key_id, tail, digest, key, kind, cause, died_at
                     FROM dead_secrets";
        let mut found = Vec::new();
        // What cannot be read ends the list.
        let _ = self.store.each(query, params![now.as_second()], |row| {
            found.extend(dead(row).ok());
            Ok(())
        });
        found
    }
}

fn dead(row: &StoredRow<'_>) -> Result<DeadSecret, Error> {
    let digest = row.value(2)?.as_blob().ok().and_then(Digest::from_bytes);
    Ok(DeadSecret {
        tail: parsed(row, 1)?,
        digest: digest.ok_or_else(|| damaged(row, 2))?,
        key_id: row.get(0)?,
        name: parsed(row, 3)?,
        kind: parsed(row, 4)?,
        cause: parsed(row, 5)?,
        died_at: timestamp(row.get(6)?)?,
    })
}

impl Change<'_> {
    /// Removes all secrets of a key, with that cause unless they had retired.
    pub(super) fn remove_secrets(&self, id: KeyId, cause: Cause) -> Result<(), Error> {
        let now = self.now().as_second();
        self.kill_secrets(id, |secret| {
            let is_past = secret.retires_at.is_some_and(|end| end <= now);
            let is_retired = is_past || secret.retired_at.is_some();
            Some(if is_retired { Cause::Retired } else { cause })
        })
    }

    /// Removes the old secret after a rotation. This only happens on request: at the end of a
    /// rotation, the next one, a new secret, or the key's end. The clock alone does not trigger it,
    /// since it may be wrong.
    pub(super) fn remove_retired(&self, id: KeyId) -> Result<(), Error> {
        self.kill_secrets(id, |secret| secret.retires_at.map(|_| Cause::Retired))
    }

    /// Removes the secrets of a key except for the one with the tail.
    pub(super) fn remove_others(&self, id: KeyId, kept: &Tail, cause: Cause) -> Result<(), Error> {
        let kept = Value::from(kept.as_str().to_owned());
        self.kill_secrets(id, |secret| (secret.tail != kept).then_some(cause))
    }

    /// Forgets all dead secrets of a key: they are unknown if presented.
    pub fn forget_dead(&self, id: KeyId) -> Result<(), Error> {
        let forget = "DELETE FROM dead_secrets WHERE key_id = ?1";
        self.store.execute(forget, params![id])?;
        Ok(())
    }

    /// Adds the dead secrets of another vault, except for those that keys of this one have.
    pub(super) fn import_dead(&self, dead: &[DeadSecret]) -> Result<(), Error> {
        let adopt = "INSERT INTO dead_secrets (tail, digest, key_id, key, kind, cause, died_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
             WHERE NOT EXISTS (SELECT 1 FROM secrets WHERE tail = ?1)
             ON CONFLICT (tail) DO NOTHING";
        for secret in dead {
            self.store.execute(
                adopt,
                params![
                    secret.tail.as_str(),
                    secret.digest.as_bytes(),
                    secret.key_id,
                    secret.name.as_str(),
                    secret.kind.into_str(),
                    secret.cause.into_str(),
                    secret.died_at.as_second(),
                ],
            )?;
        }
        Ok(())
    }

    /// Removes each secret of a key for which `cause` returns one.
    fn kill_secrets(
        &self,
        id: KeyId,
        cause: impl Fn(&RemovedSecret) -> Option<Cause>,
    ) -> Result<(), Error> {
        let query = "SELECT tail, retires_at, retired_at FROM secrets WHERE key_id = ?1";
        let secrets = self.store.all(query, params![id], |row| {
            Ok(RemovedSecret {
                tail: row.get(0)?,
                retires_at: row.get(1)?,
                retired_at: row.get(2)?,
            })
        })?;
        // Without its digest, a secret could not be recognized.
        let keep = "INSERT INTO dead_secrets
               (tail, digest, key_id, key, kind, cause, died_at)
             SELECT tail, digest, key_id, name, kind, ?2, ?3
             FROM secrets JOIN keys ON keys.id = key_id
             WHERE tail = ?1 AND digest IS NOT NULL
             ON CONFLICT (tail) DO UPDATE SET digest = excluded.digest, key_id = excluded.key_id,
               key = excluded.key, kind = excluded.kind, cause = excluded.cause,
               died_at = excluded.died_at";
        let now = self.now().as_second();
        for secret in secrets {
            if let Some(cause) = cause(&secret) {
                self.store
                    .execute(keep, params![secret.tail, cause.into_str(), now])?;
                let remove = "DELETE FROM secrets WHERE tail = ?1";
                self.store.execute(remove, params![secret.tail])?;
            }
        }
        let forget = "DELETE FROM dead_secrets WHERE died_at < ?1";
        let start = self.author.dead_retention_start.as_second();
        self.store.execute(forget, params![start])?;
        Ok(())
    }
}

/// The columns of a secret that decide whether and why it is removed; they may be damaged.
struct RemovedSecret {
    tail: Value,
    retires_at: Option<i64>,
    retired_at: Option<i64>,
}
