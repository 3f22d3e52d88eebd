//! Whether a vault has, had, or was about to have a secret.

use rusqlite::OptionalExtension;

use crate::key::Tail;
use crate::vault::{Error, Vault};

impl Vault {
    /// Whether a secret with that tail was ever made here, as far as is known: one that was staged
    /// and not taken is forgotten after a while.
    pub fn has_made(&self, tail: &Tail) -> Result<bool, Error> {
        let queries = [
            "SELECT 1 FROM secrets WHERE tail = ?1",
            "SELECT 1 FROM pending WHERE tail = ?1",
            "SELECT 1 FROM log WHERE instr(change, ?1) LIMIT 1",
        ];
        for query in queries {
            let found = self
                .connection
                .query_row(query, [tail.as_str()], |_| Ok(()))
                .optional()?;
            if found.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
