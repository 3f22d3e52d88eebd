//! The default key: the only SMTP key whose secret is stored, encrypted with a passphrase.

use rusqlite::params;

use super::store::{Store, StoredRow};
use super::{Change, Error, Field, KeyId, Record, Vault, keys, log};
use crate::key::{AssociatedData, Key, KeyPolicy, Seal, Tail};

/// Seals of current secrets; others do not count.
const CURRENT_SEALS: &str = "sealed JOIN secrets ON secrets.key_id = sealed.key_id
       AND secrets.tail = sealed.tail AND secrets.retires_at IS NULL";

/// The default key with its seal.
#[derive(Debug)]
pub struct Sealed {
    /// The key.
    pub record: Record,
    /// Its encrypted secret.
    pub seal: Seal,
    /// The associated data of the seal.
    pub associated_data: AssociatedData,
}

impl Vault {
    /// The default key's number, if there is one.
    pub fn default_id(&self) -> Result<Option<KeyId>, Error> {
        // A read-only vault may have an older schema.
        match self.store.has_table("sealed")? {
            true => default_id(&self.store),
            false => Ok(None),
        }
    }

    /// Makes sure that there is no default key yet.
    ///
    /// # Errors
    /// [`Error::DefaultTaken`] if there is one.
    pub fn expect_no_default(&self) -> Result<(), Error> {
        match self.default_id()? {
            None => Ok(()),
            Some(id) => expect_username_free(self.by_id(id)?),
        }
    }

    /// The default key and its seal, if there is one.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the seal does not belong to the key's current secret.
    pub fn default_key(&self) -> Result<Option<Sealed>, Error> {
        let query = "SELECT key_id, tail, kdf, salt, nonce, secret FROM sealed";
        let row = self.store.one(query, &[], |row| {
            let id: KeyId = row.get(0)?;
            Ok((id, row.get::<String>(1)?, seal(row)?))
        });
        let Some((id, tail, seal)) = row.map_err(unreadable)? else {
            return Ok(None);
        };
        let record = self
            .by_id(id)?
            .filter(|found| found.key.tail.as_str() == tail);
        let record =
            record.ok_or_else(|| damaged("it does not belong to the key's current secret"))?;
        seal.check().map_err(|error| damaged(&error.to_string()))?;
        let associated_data = associated_data(&self.store, id, &record.key.tail)?;
        Ok(Some(Sealed {
            record,
            seal,
            associated_data,
        }))
    }
}

impl Change<'_> {
    /// Makes sure that there is no default key yet.
    ///
    /// # Errors
    /// [`Error::DefaultTaken`] if there is one.
    pub fn expect_no_default(&self) -> Result<(), Error> {
        match default_id(self.store)? {
            None => Ok(()),
            Some(id) => expect_username_free(keys::by_id(self.store, id)?),
        }
    }

    /// Adds a key like [`Change::add`], and makes it the default key; `seal` is called with the
    /// associated data.
    ///
    /// # Errors
    /// Like [`Change::add`], and [`Error::DefaultTaken`].
    pub fn add_default(
        &self,
        key: &Key,
        policy: &KeyPolicy,
        seal: impl FnOnce(&AssociatedData) -> Seal,
    ) -> Result<(), Error> {
        self.expect_no_default()?;
        let id = self.insert(key)?;
        let mut more = self.add_policy(id, policy)?;
        more.push(is_default(None, "yes"));
        self.log_with(id, None, Some(key), &more)?;
        self.keep(id, &key.tail, seal)
    }

    /// Replaces the default key's secret like [`Change::replace_secret`], and seals the new one.
    ///
    /// # Errors
    /// Like [`Change::replace_secret`]; [`Error::Changed`] if it is no longer the default key.
    pub fn replace_default_secret(
        &self,
        before: &Record,
        after: &Key,
        seal: impl FnOnce(&AssociatedData) -> Seal,
    ) -> Result<(), Error> {
        if default_id(self.store)? != Some(before.id) {
            return Err(Error::Changed(after.name.clone()));
        }
        self.exchange(before.id, &after.tail)?;
        let rotation = self.replace_rotation(before.id, None)?;
        self.log_with(before.id, Some(&before.key), Some(after), &rotation)?;
        self.keep(before.id, &after.tail, seal)
    }

    /// Logs that the default key's seal was opened, or that a passphrase was wrong.
    pub fn reveal(&self, seen: &Record, outcome: &str) -> Result<(), Error> {
        let seal = Field {
            field: "seal".to_owned(),
            from: None,
            to: Some(outcome.to_owned()),
        };
        self.log_with(seen.id, Some(&seen.key), Some(&seen.key), &[seal])
    }

    /// Drops the seal of a key unless it belongs to the secret with the tail; returns what to log.
    pub(super) fn unseal(&self, id: KeyId, tail: &Tail) -> Result<Vec<Field>, Error> {
        let dropped = self.store.execute(
            "DELETE FROM sealed WHERE key_id = ?1 AND tail <> ?2",
            params![id, tail.as_str()],
        )?;
        Ok(match dropped {
            0 => Vec::new(),
            _ => vec![is_default(Some("yes"), "no")],
        })
    }

    fn keep(
        &self,
        id: KeyId,
        tail: &Tail,
        seal: impl FnOnce(&AssociatedData) -> Seal,
    ) -> Result<(), Error> {
        let seal = seal(&associated_data(self.store, id, tail)?);
        self.store.execute(
            "INSERT INTO sealed (only_row, key_id, tail, kdf, salt, nonce, secret)
               VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (only_row) DO UPDATE SET key_id = excluded.key_id, tail = excluded.tail,
               kdf = excluded.kdf, salt = excluded.salt, nonce = excluded.nonce,
               secret = excluded.secret",
            params![
                id,
                tail.as_str(),
                seal.kdf,
                seal.salt,
                seal.nonce,
                seal.secret
            ],
        )?;
        Ok(())
    }
}

fn expect_username_free(record: Option<Record>) -> Result<(), Error> {
    record.map_or(Ok(()), |record| Err(Error::DefaultTaken(record.key.name)))
}

fn default_id(store: &Store) -> Result<Option<KeyId>, Error> {
    let query = format!("SELECT sealed.key_id FROM {CURRENT_SEALS}");
    store.one(&query, &[], |row| row.get(0))
}

/// Whether a key is the default key.
pub(super) fn is_default_key(store: &Store, id: KeyId) -> Result<bool, Error> {
    Ok(default_id(store)? == Some(id))
}

/// The associated data for the seal of a key's secret.
pub(super) fn associated_data(
    store: &Store,
    key: KeyId,
    tail: &Tail,
) -> Result<AssociatedData, Error> {
    Ok(AssociatedData {
        vault: log::identity(store)?.unwrap_or_default(),
        key,
        tail: tail.clone(),
    })
}

fn seal(row: &StoredRow<'_>) -> Result<Seal, Error> {
    Ok(Seal {
        kdf: row.get(2)?,
        salt: row.get(3)?,
        nonce: row.get(4)?,
        secret: row.get(5)?,
    })
}

fn is_default(from: Option<&str>, to: &str) -> Field {
    Field {
        field: "default".to_owned(),
        from: from.map(str::to_owned),
        to: Some(to.to_owned()),
    }
}

fn damaged(why: &str) -> Error {
    Error::Damaged(format!("cannot decrypt the default key's secret: {why}"))
}

/// A column of a wrong type or length is damage, too.
fn unreadable(error: Error) -> Error {
    match error {
        Error::Sqlite(error) => damaged(&error.to_string()),
        error => error,
    }
}
