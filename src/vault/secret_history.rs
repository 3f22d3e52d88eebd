//! Whether a vault has, had, or was about to have a secret.

use rusqlite::params;

use crate::key::Tail;
use crate::vault::{Error, Vault};

impl Vault {
    /// Whether a secret with that tail was ever created here, as far as known: a pending one that
    /// was never activated is eventually forgotten.
    pub fn has_created(&self, tail: &Tail) -> Result<bool, Error> {
        let queries = [
            "SELECT 1 FROM secrets WHERE tail = ?1",
            "SELECT 1 FROM pending WHERE tail = ?1",
            "SELECT 1 FROM log WHERE instr(change, ?1) > 0 LIMIT 1",
        ];
        for query in queries {
            if self.store.exists(query, params![tail.as_str()])? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
