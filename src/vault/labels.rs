//! Keys' labels.

use rusqlite::params;

use super::{Change, Error, KeyId, Vault};
use crate::key::{Label, Labels};

impl Vault {
    /// Up to `most` different labels of the vault's keys, sorted; invalid ones are skipped.
    pub fn labels(&self, most: usize) -> Result<Vec<Label>, Error> {
        let query = "SELECT DISTINCT name || '=' || value FROM labels ORDER BY name, value";
        let mut statement = self.connection.prepare(query)?;
        let labels = statement.query_map([], |row| row.get::<_, String>(0))?;
        let labels = labels.filter_map(|label| match label {
            Ok(label) => label.parse().ok().map(Ok),
            Err(error) => Some(Err(error.into())),
        });
        labels.take(most).collect()
    }

    /// Up to `most` different owners of the vault's keys, sorted.
    pub fn owners(&self, most: usize) -> Result<Vec<String>, Error> {
        let query = "SELECT DISTINCT owner FROM keys WHERE owner IS NOT NULL ORDER BY owner";
        let mut statement = self.connection.prepare(query)?;
        let owners = statement.query_map([], |row| row.get(0))?;
        Ok(owners.take(most).collect::<Result<_, _>>()?)
    }
}

impl Change<'_> {
    /// Replaces a key's labels.
    pub(super) fn write_labels(&self, key: KeyId, labels: &Labels) -> Result<(), Error> {
        let forget = "DELETE FROM labels WHERE key_id = ?1";
        self.transaction.execute(forget, [key])?;
        let add = "INSERT INTO labels (key_id, name, value) VALUES (?1, ?2, ?3)";
        let mut add = self.transaction.prepare_cached(add)?;
        for (name, value) in labels.iter() {
            add.execute(params![key, name.as_str(), value.as_str()])?;
        }
        Ok(())
    }
}
