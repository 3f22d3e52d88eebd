//! Whether the log is whole: the chain, checked from the first entry to the head.

use rusqlite::{Connection, OptionalExtension};

use super::{COLUMNS, ChainHash, GENESIS, Line, head};
use crate::vault::{Error, Vault};

/// What a check of the whole chain found.
#[derive(Debug)]
pub struct Chain {
    /// How many entries there are.
    pub entries: i64,
    /// The newest entry's hash, all zeros in an empty log.
    pub head: ChainHash,
    /// The first entry that does not hold, and why.
    pub broken: Option<(i64, &'static str)>,
}

impl Vault {
    /// Checks the whole chain, up to the head that the vault remembers.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn verify_log(&self) -> Result<Chain, Error> {
        let snapshot = self.connection.unchecked_transaction()?;
        let mut chain = Chain {
            entries: 0,
            head: GENESIS,
            broken: None,
        };
        let mut statement =
            snapshot.prepare(&format!("SELECT {COLUMNS} FROM log ORDER BY sequence"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Err(why) = chain.extend(Line::read(row).ok()) {
                chain.broken = Some((chain.entries + 1, why));
                return Ok(chain);
            }
        }
        let is_log = chain.entries > 0 || had_keys(&snapshot)?;
        if head(&snapshot)? != is_log.then_some((chain.entries, chain.head)) {
            chain.broken = Some((chain.entries + 1, "is missing: the log was cut short"));
        }
        Ok(chain)
    }
}

impl Chain {
    /// Takes the next line of the log, or tells what is wrong with it.
    fn extend(&mut self, line: Option<Line>) -> Result<(), &'static str> {
        let next = line.filter(|line| line.sequence == self.entries + 1);
        let line = next.ok_or("is missing or cannot be read")?;
        let hash = line.chained(&self.head);
        if hash[..] != line.hash {
            return Err("does not match its hash");
        }
        self.head = hash;
        self.entries = line.sequence;
        Ok(())
    }
}

/// Whether there ever was a key, and so an entry in the log.
fn had_keys(connection: &Connection) -> Result<bool, Error> {
    let query = "SELECT 1 FROM sqlite_sequence WHERE name = 'keys'";
    Ok(connection
        .query_row(query, [], |_| Ok(()))
        .optional()?
        .is_some())
}
