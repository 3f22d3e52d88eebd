//! Looks up the key to be changed, and makes sure that it is as expected.

use rusqlite::params;

use super::{Change, Contradiction, Error, Record, keys, replay};
use crate::key::{KeyName, Username};

impl Change<'_> {
    /// The key with that name, provided it matches the log.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if there is none; [`Error::Contradicted`] if it is not.
    pub fn find(&self, name: &KeyName) -> Result<Record, Error> {
        let found = self.find_unverified(name)?;
        match self.contradictions(&found)?.into_iter().next() {
            None => Ok(found),
            Some(contradiction) => Err(Error::Contradicted(contradiction)),
        }
    }

    /// The differences between a key and the log.
    pub fn contradictions(&self, record: &Record) -> Result<Vec<Contradiction>, Error> {
        replay::of_key(self.store, record)
    }

    /// The key with that name, even if it differs from the log: for deactivation and deletion.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if there is none.
    pub fn find_unverified(&self, name: &KeyName) -> Result<Record, Error> {
        keys::find(self.store, name)
    }

    /// The key, provided it is unchanged since the operator confirmed; that it has expired or its
    /// old secret retired meanwhile does not count.
    ///
    /// # Errors
    /// [`Error::Changed`] if it is not.
    pub fn expect(&self, seen: &Record) -> Result<Record, Error> {
        self.expect_unedited(seen)?;
        self.find(&seen.key.name)
    }

    /// The same, even if it differs from the log: for deletion.
    ///
    /// # Errors
    /// [`Error::Changed`] if it has changed.
    pub fn expect_unedited(&self, seen: &Record) -> Result<Record, Error> {
        let now = self.now();
        match self.find_unverified(&seen.key.name) {
            Ok(found) if found.id == seen.id && found.key.at(now) == seen.key.at(now) => Ok(found),
            Ok(_) | Err(Error::NoSuchKey(_)) => Err(Error::Changed(seen.key.name.clone())),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that a new key's name and username are free.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::UsernameTaken`].
    pub fn expect_free(&self, name: &KeyName, username: Option<&Username>) -> Result<(), Error> {
        let query = "SELECT 1 FROM keys WHERE name COLLATE NOCASE = ?1 COLLATE NOCASE";
        if self.store.exists(query, params![name.as_str()])? {
            return Err(Error::NameTaken(name.clone()));
        }
        let query = "SELECT 1 FROM keys WHERE username COLLATE NOCASE = ?1 COLLATE NOCASE
                     AND instr(username, '@') = 0";
        match username {
            Some(username) if self.store.exists(query, params![username.as_str()])? => {
                Err(Error::UsernameTaken(username.clone()))
            }
            _ => Ok(()),
        }
    }
}
