//! Passwords and keys that come from elsewhere, with the hashes that they have there.

use jiff::Timestamp;
use rusqlite::params;

use super::{Change, Error, Field, Presented, Vault, migrations};
use crate::key::{Hash, Key, Username};

/// The first schema that has a place for imported passwords.
const SINCE: i64 = 4;

impl Vault {
    /// The imported password of a login, compared without case, and the key that it belongs to; a
    /// login has at most one.
    ///
    /// # Errors
    /// If the vault cannot be read or holds a hash that must not be checked.
    pub fn imported(&self, login: &str) -> Result<Option<Presented>, Error> {
        // A vault that could not be brought up to date has none.
        match migrations::versions(&self.connection)? {
            (version, _) if version < SINCE => Ok(None),
            _ => self.secret_where("login", login),
        }
    }
}

impl Change<'_> {
    /// Adds a key with a hash that was made elsewhere, for a secret that it has had since
    /// `secret_at`. A tail that stands in for one that is not known makes it the imported
    /// password of the key's login.
    ///
    /// # Errors
    /// If its name, its username or its secret is taken, or the login has an imported password.
    pub fn import(&self, key: &Key, hash: &Hash, secret_at: Timestamp) -> Result<(), Error> {
        let login = key.username().filter(|_| key.tail.is_imported());
        if let Some(login) = login {
            self.expect_no_password(login)?;
        }
        self.expect_new_secret(key)?;
        self.stage(&key.tail, hash)?;
        let id = self.insert(key)?;
        let mut complete = self
            .transaction
            .prepare_cached("UPDATE secrets SET login = ?2, created_at = ?3 WHERE key_id = ?1")?;
        let login = login.map(Username::as_str);
        complete.execute(params![id, login, secret_at.as_second()])?;
        let scheme = Field {
            field: "scheme".to_owned(),
            from: None,
            to: Some(hash.scheme().to_owned()),
        };
        self.log_with(id, None, Some(key), &[scheme])
    }

    fn expect_no_password(&self, login: &Username) -> Result<(), Error> {
        let query = "SELECT 1 FROM secrets WHERE login = ?1";
        let mut statement = self.transaction.prepare_cached(query)?;
        match statement.exists([login.as_str()])? {
            true => Err(Error::PasswordTaken(login.clone())),
            false => Ok(()),
        }
    }

    fn expect_new_secret(&self, key: &Key) -> Result<(), Error> {
        let query = "SELECT 1 FROM secrets WHERE tail = ?1";
        let mut statement = self.transaction.prepare_cached(query)?;
        match statement.exists([key.tail.as_str()])? {
            true => Err(Error::SecretTaken(key.name.clone())),
            false => Ok(()),
        }
    }
}
