//! Pending secrets of interrupted runs, or that will not be delivered.

use rusqlite::params;

use crate::key::{Digest, Hash, Tail, Verifier};
use crate::vault::{Change, Error, Vault, keys};

/// How long a pending secret is kept before a later run drops it, in seconds.
pub(super) const PENDING_LIFETIME: i64 = 3_600;

impl Vault {
    /// The verifier of the pending secret with that tail, if there is one.
    pub fn pending(&self, tail: &Tail) -> Result<Option<Verifier>, Error> {
        let query = "SELECT digest, hash FROM pending WHERE tail = ?1";
        self.store.one(query, params![tail.as_str()], |row| {
            Ok(keys::verifier(row, 0)?)
        })
    }
}

impl Change<'_> {
    /// Stores a pending secret, which is neither accepted nor listed, and drops outdated ones.
    pub fn stage(&self, tail: &Tail, verifier: &Verifier) -> Result<(), Error> {
        // One from the distant future was stored by a clock that was ahead.
        let now = self.now().as_second();
        self.store.execute(
            "DELETE FROM pending WHERE staged_at NOT BETWEEN ?1 AND ?2",
            params![now - PENDING_LIFETIME, now + PENDING_LIFETIME],
        )?;
        self.store.execute(
            "INSERT INTO pending (tail, digest, hash, staged_at) VALUES (?1, ?2, ?3, ?4)",
            params![
                tail.as_str(),
                verifier.digest().map(Digest::as_bytes),
                verifier.hash().map(Hash::to_string),
                now
            ],
        )?;
        Ok(())
    }

    /// Drops every pending secret.
    pub(super) fn forget_pending(&self) -> Result<(), Error> {
        self.store.execute("DELETE FROM pending", &[])?;
        Ok(())
    }

    /// Restarts the lifetime of a pending secret.
    ///
    /// # Errors
    /// [`Error::PendingExpired`] if it is no longer there.
    pub fn stage_again(&self, tail: &Tail) -> Result<(), Error> {
        let restart = "UPDATE pending SET staged_at = ?2 WHERE tail = ?1";
        let now = self.now().as_second();
        match self.store.execute(restart, params![tail.as_str(), now])? {
            0 => Err(Error::PendingExpired),
            _ => Ok(()),
        }
    }
}
