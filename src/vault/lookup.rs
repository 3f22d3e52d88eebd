//! What a change finds in the vault, and what it must find there.

use rusqlite::OptionalExtension;

use super::{Change, Contradiction, Error, Record, keys, replay};
use crate::key::{KeyName, Username};

impl Change<'_> {
    /// The key of that name, which must be what the log says.
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

    /// What of a key is not as the log says.
    pub fn contradictions(&self, record: &Record) -> Result<Vec<Contradiction>, Error> {
        replay::of_key(self.transaction, record)
    }

    /// The key of that name, whatever the log says: it is to be stopped or deleted.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if there is none.
    pub fn find_unverified(&self, name: &KeyName) -> Result<Record, Error> {
        keys::find(self.transaction, name)
    }

    /// The key, which must still be what it was when the operator was asked about it; that
    /// it has expired, or its old secret retired meanwhile does not count.
    ///
    /// # Errors
    /// [`Error::Changed`] if it is not.
    pub fn expect(&self, seen: &Record) -> Result<Record, Error> {
        self.expect_unedited(seen)?;
        self.find(&seen.key.name)
    }

    /// The same, whatever the log says: it is to be deleted.
    ///
    /// # Errors
    /// [`Error::Changed`] if it is not what it was.
    pub fn expect_unedited(&self, seen: &Record) -> Result<Record, Error> {
        let now = self.now();
        match self.find_unverified(&seen.key.name) {
            Ok(found) if found.id == seen.id && found.key.at(now) == seen.key.at(now) => Ok(found),
            Ok(_) | Err(Error::NoSuchKey(_)) => Err(Error::Changed(seen.key.name.clone())),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that a new key can have the name and the username.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::UsernameTaken`].
    pub fn expect_free(&self, name: &KeyName, username: Option<&Username>) -> Result<(), Error> {
        let taken = |query, text| -> Result<bool, Error> {
            let found: Option<i64> = self
                .transaction
                .query_row(query, [text], |row| row.get(0))
                .optional()?;
            Ok(found.is_some())
        };
        if taken("SELECT 1 FROM keys WHERE name = ?1", name.as_str())? {
            return Err(Error::NameTaken(name.clone()));
        }
        let query = "SELECT 1 FROM keys WHERE username = ?1 AND instr(username, '@') = 0";
        match username {
            Some(username) if taken(query, username.as_str())? => {
                Err(Error::UsernameTaken(username.clone()))
            }
            _ => Ok(()),
        }
    }
}
