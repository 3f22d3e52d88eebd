//! Where secrets were delivered; never the secrets. What an aborted rotation brings back is still
//! known, and what was delivered nowhere has no destination.

use jiff::Timestamp;
use rusqlite::params;

use super::column::timestamp;
use super::{Change, Error, KeyId, Vault};
use crate::key::KeyName;

/// Where a key's current secret was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastDelivery {
    /// The destination, as `--to` names it.
    pub destination: String,
    /// When.
    pub at: Timestamp,
    /// The mail server, as `host:port`, if it was not that of the settings.
    pub server: Option<String>,
}

impl Vault {
    /// Where a key's current secret was delivered, if anywhere that is remembered.
    pub fn last_delivery(&self, id: KeyId) -> Result<Option<LastDelivery>, Error> {
        let query =
            "SELECT destination, delivered_at, server FROM deliveries JOIN secrets USING (tail)
                     WHERE key_id = ?1 AND retires_at IS NULL";
        self.store.one(query, params![id], |row| {
            Ok(LastDelivery {
                destination: row.get(0)?,
                at: timestamp(row.get(1)?)?,
                server: row.get(2)?,
            })
        })
    }
}

impl Change<'_> {
    /// Remembers where a key's current secret was delivered, and for which mail server, if that is
    /// not the one of the settings.
    pub fn remember_delivery(
        &self,
        name: &KeyName,
        destination: &str,
        server: Option<&str>,
    ) -> Result<(), Error> {
        let remember = "INSERT INTO deliveries (tail, destination, delivered_at, server)
                        SELECT tail, ?2, ?3, ?4 FROM secrets JOIN keys ON id = key_id
                        WHERE name COLLATE NOCASE = ?1 COLLATE NOCASE AND retires_at IS NULL
                        ON CONFLICT (tail) DO UPDATE SET destination = excluded.destination,
                          delivered_at = excluded.delivered_at, server = excluded.server";
        let now = self.now().as_second();
        let values = params![name.as_str(), destination, now, server];
        self.store.execute(remember, values)?;
        Ok(())
    }

    /// Remembers another mail server for the place of a key's current secret.
    pub fn remember_server(&self, name: &KeyName, server: Option<&str>) -> Result<(), Error> {
        let remember = "UPDATE deliveries SET server = ?2 WHERE tail IN
                        (SELECT tail FROM secrets JOIN keys ON id = key_id
                         WHERE name COLLATE NOCASE = ?1 COLLATE NOCASE AND retires_at IS NULL)";
        self.store
            .execute(remember, params![name.as_str(), server])?;
        Ok(())
    }
}
