//! The state of the rotations that postkey continues by itself.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::params;

use super::column::{moment, optional, parsed, timestamp};
use super::policies::each_of;
use super::sealed::associated_data;
use super::store::{Store, StoredRow};
use super::{AutomaticRotation, Change, Error, Field, HeldRotation, KeyId, Record, Vault};
use crate::key::{AssociatedData, Key, RestoreSeal, Tail};
use crate::rotation::RotationProgress;

impl Vault {
    /// The automatic rotations of these keys.
    pub fn rotations(&self, keys: &[KeyId]) -> Result<HashMap<KeyId, AutomaticRotation>, Error> {
        rotations(&self.store, keys)
    }

    /// The automatic rotation of a key, if there is one.
    pub fn rotation(&self, key: KeyId) -> Result<Option<AutomaticRotation>, Error> {
        Ok(self.rotations(&[key])?.remove(&key))
    }

    /// What the seal of a key's old secret is bound to.
    pub fn owner_of_seal(&self, key: KeyId, old: &Tail) -> Result<AssociatedData, Error> {
        associated_data(&self.store, key, old)
    }
}

impl Change<'_> {
    /// The automatic rotation of a key, if there is one.
    pub fn rotation(&self, key: KeyId) -> Result<Option<AutomaticRotation>, Error> {
        Ok(rotations(self.store, &[key])?.remove(&key))
    }

    /// Saves how far a key's rotation has got; `None` ends it.
    ///
    /// # Errors
    /// [`Error::Changed`] if it is not as it was.
    pub fn save_rotation(
        &self,
        key: &Record,
        before: Option<&AutomaticRotation>,
        after: Option<&AutomaticRotation>,
    ) -> Result<(), Error> {
        let found = self.rotation(key.id)?;
        if found.as_ref() != before {
            return Err(Error::Changed(key.key.name.clone()));
        }
        let fields = self.write_rotation(key.id, found.as_ref(), after)?;
        match fields.is_empty() {
            true => Ok(()),
            false => self.log_fields(key.id, &key.key.name, &fields),
        }
    }

    /// Replaces the state of a key's rotation; returns what to log.
    pub(super) fn replace_rotation(
        &self,
        key: KeyId,
        after: Option<&AutomaticRotation>,
    ) -> Result<Vec<Field>, Error> {
        self.write_rotation(key, self.rotation(key)?.as_ref(), after)
    }

    fn write_rotation(
        &self,
        key: KeyId,
        before: Option<&AutomaticRotation>,
        after: Option<&AutomaticRotation>,
    ) -> Result<Vec<Field>, Error> {
        match after {
            Some(after) => self.store_rotation(key, after)?,
            None => {
                let end = "DELETE FROM rotations WHERE key_id = ?1";
                self.store.execute(end, params![key])?;
            }
        }
        let pairs = facts(before).into_iter().zip(facts(after));
        let differences = pairs.filter(|((_, from), (_, to))| from != to);
        let fields = differences.map(|((field, from), (_, to))| Field {
            field: field.to_owned(),
            from,
            to,
        });
        Ok(fields.collect())
    }

    fn store_rotation(&self, key: KeyId, rotation: &AutomaticRotation) -> Result<(), Error> {
        let write = "INSERT INTO rotations
                       (key_id, tail, destination, progress, since, after_at, held, held_at, detail,
                        sealed)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                     ON CONFLICT (key_id) DO UPDATE SET tail = excluded.tail,
                       destination = excluded.destination, progress = excluded.progress,
                       since = excluded.since, after_at = excluded.after_at,
                       held = excluded.held, held_at = excluded.held_at,
                       detail = excluded.detail, sealed = excluded.sealed";
        let held = rotation.held.as_ref();
        self.store.execute(
            write,
            params![
                key,
                rotation.tail.as_str(),
                rotation.destination,
                rotation.progress.into_str(),
                rotation.since.as_second(),
                rotation.after_at.map(Timestamp::as_second),
                held.map(|held| held.reason.into_str()),
                held.map(|held| held.at.as_second()),
                held.and_then(|held| held.detail.as_deref()),
                rotation.sealed.as_ref().map(RestoreSeal::as_bytes),
            ],
        )?;
        Ok(())
    }

    /// Logs that a key got another secret, or lost one, which also changes the state of its
    /// rotation: by default it has none then.
    pub(super) fn log_secrets(
        &self,
        before: &Record,
        after: &Key,
        rotation: Option<&AutomaticRotation>,
    ) -> Result<(), Error> {
        let unsealed = self.unseal(before.id, &after.tail)?;
        let fields = [unsealed, self.replace_rotation(before.id, rotation)?].concat();
        self.log_with(before.id, Some(&before.key), Some(after), &fields)
    }
}

fn rotations(store: &Store, keys: &[KeyId]) -> Result<HashMap<KeyId, AutomaticRotation>, Error> {
    let columns =
        "key_id, tail, destination, progress, since, after_at, held, held_at, detail, sealed";
    let mut found = HashMap::new();
    each_of(store, "rotations", columns, keys, |row| {
        found.insert(row.get(0)?, rotation(row)?);
        Ok(())
    })?;
    Ok(found)
}

fn rotation(row: &StoredRow<'_>) -> Result<AutomaticRotation, Error> {
    let held = optional(row, 6)?.zip(moment(row, 7)?);
    let detail = row.get(8)?;
    Ok(AutomaticRotation {
        tail: parsed(row, 1)?,
        destination: row.get(2)?,
        progress: parsed(row, 3)?,
        since: timestamp(row.get(4)?)?,
        after_at: moment(row, 5)?,
        held: held.map(|(reason, at)| HeldRotation { reason, at, detail }),
        sealed: row.get::<Option<_>>(9)?.map(RestoreSeal::from_bytes),
    })
}

/// A rotation in the log: not before its new secret is valid.
fn facts(rotation: Option<&AutomaticRotation>) -> [(&'static str, Option<String>); 2] {
    let rotation = rotation.filter(|rotation| rotation.progress != RotationProgress::Begun);
    let held = rotation.and_then(|rotation| rotation.held.as_ref());
    [
        (
            "rotation",
            rotation.map(|rotation| rotation.progress.into_str().to_owned()),
        ),
        ("held", held.map(|held| held.reason.into_str().to_owned())),
    ]
}

/// A key's rotation in the log.
pub(super) fn facts_of(
    store: &Store,
    key: KeyId,
) -> Result<[(&'static str, Option<String>); 2], Error> {
    Ok(facts(rotations(store, &[key])?.get(&key)))
}
