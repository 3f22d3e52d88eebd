//! Keys' labels.

use rusqlite::params;

use super::{Change, Error, KeyId, Vault};
use crate::key::{Label, Labels};

impl Vault {
    /// Up to `most` different labels of the vault's keys, sorted; invalid ones are skipped.
    pub fn labels(&self, most: usize) -> Result<Vec<Label>, Error> {
        let query = "SELECT name, value FROM labels GROUP BY name, value ORDER BY name, value";
        self.store.some(most, query, &[], |row| {
            let (name, value): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(format!("{name}={value}").parse().ok())
        })
    }

    /// Up to `most` different owners of the vault's keys, sorted.
    pub fn owners(&self, most: usize) -> Result<Vec<String>, Error> {
        let query =
            "SELECT DISTINCT owner FROM keys WHERE owner IS NOT NULL ORDER BY owner LIMIT ?1";
        self.store
            .all(query, params![most as i64], |row| row.get(0))
    }
}

impl Change<'_> {
    /// Replaces a key's labels.
    pub(super) fn write_labels(&self, key: KeyId, labels: &Labels) -> Result<(), Error> {
        let forget = "DELETE FROM labels WHERE key_id = ?1";
        self.store.execute(forget, params![key])?;
        let add = "INSERT INTO labels (key_id, name, value) VALUES (?1, ?2, ?3)";
        for (name, value) in labels.iter() {
            self.store
                .execute(add, params![key, name.as_str(), value.as_str()])?;
        }
        Ok(())
    }
}
