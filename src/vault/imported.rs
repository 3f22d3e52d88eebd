//! Imported passwords and keys, with their existing hashes.

use jiff::Timestamp;
use rusqlite::params;

use super::{Change, Error, Field, KeyId, StoredSecret, Vault};
use crate::key::{Digest, Hash, Key, Retiring, Tail, Username, Verifier};

/// The imported password of a login.
const OF_LOGIN: &str = "(SELECT * FROM secrets WHERE login COLLATE NOCASE = ?1 COLLATE NOCASE)";

/// The first schema with imported passwords.
const FIRST_SCHEMA: i64 = 4;

impl Vault {
    /// The imported password of a login, ignoring case, and its key; a login has at most one.
    ///
    /// # Errors
    /// If the vault cannot be read or the hash is too costly to check.
    pub fn imported(&self, login: &str) -> Result<Option<StoredSecret>, Error> {
        // A vault that could not be migrated has none.
        match self.schema_version()? >= FIRST_SCHEMA {
            true => self.secret_from(OF_LOGIN, login),
            false => Ok(None),
        }
    }

    /// Keeps the next change in memory until it is committed, however large it is: otherwise SQLite
    /// would lock out readers from its first write to the file on.
    pub fn buffer_changes(&self) -> Result<(), Error> {
        self.store.buffer_changes()
    }
}

impl Change<'_> {
    /// Adds a key with the verifiers of its secrets: the current one since `secret_at`, and the old
    /// one if it is retiring. A placeholder tail makes the secret the imported password of the
    /// key's login.
    ///
    /// # Errors
    /// If its name, its username or a secret is taken, or the login already has an imported
    /// password.
    pub fn import(
        &self,
        key: &Key,
        secret: &Verifier,
        old: Option<&Verifier>,
        secret_at: Timestamp,
    ) -> Result<(), Error> {
        if let Some(login) = key.imported_login() {
            self.expect_no_password(login)?;
        }
        self.expect_new_secret(key, &key.tail)?;
        self.stage(&key.tail, secret)?;
        let id = self.insert(key)?;
        let complete = "UPDATE secrets SET login = ?2, created_at = ?3 WHERE key_id = ?1";
        let login = login_of(key, &key.tail);
        self.store
            .execute(complete, params![id, login, secret_at.as_second()])?;
        if let Some((old, secret)) = key.retiring.as_ref().zip(old) {
            self.import_old(id, key, old, secret)?;
        }
        let scheme = Field {
            field: "scheme".to_owned(),
            from: None,
            to: Some(secret.scheme().to_owned()),
        };
        self.log_with(id, None, Some(key), &[scheme])
    }

    /// Adds an old secret.
    fn import_old(
        &self,
        id: KeyId,
        key: &Key,
        old: &Retiring,
        secret: &Verifier,
    ) -> Result<(), Error> {
        self.expect_new_secret(key, &old.tail)?;
        self.store.execute(
            "INSERT INTO secrets (key_id, tail, digest, hash, created_at, retires_at, login, salt)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, randomblob(32))",
            params![
                id,
                old.tail.as_str(),
                secret.digest().map(Digest::as_bytes),
                secret.hash().map(Hash::to_string),
                key.created_at.as_second(),
                old.until.as_second(),
                login_of(key, &old.tail),
            ],
        )?;
        Ok(())
    }

    fn expect_no_password(&self, login: &Username) -> Result<(), Error> {
        let query = "SELECT 1 FROM secrets WHERE login COLLATE NOCASE = ?1 COLLATE NOCASE";
        match self.store.exists(query, params![login.as_str()])? {
            true => Err(Error::PasswordTaken(login.clone())),
            false => Ok(()),
        }
    }

    fn expect_new_secret(&self, key: &Key, tail: &Tail) -> Result<(), Error> {
        let query = "SELECT 1 FROM secrets WHERE tail = ?1";
        match self.store.exists(query, params![tail.as_str()])? {
            true => Err(Error::SecretTaken(key.name.clone())),
            false => Ok(()),
        }
    }
}

/// The login of which the secret with that tail is the imported password, if any.
fn login_of<'a>(key: &'a Key, tail: &Tail) -> Option<&'a str> {
    let login = key.username().filter(|_| tail.is_imported());
    login.map(Username::as_str)
}
