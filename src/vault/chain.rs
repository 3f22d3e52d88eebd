//! The log as a whole: verifies its chain, and finds single entries.

use rusqlite::{Connection, OptionalExtension};

use super::log::{COLUMNS, ChainHash, GENESIS, Line, head};
use super::{Entry, Error, KeyId, SavedHead, Vault};

/// The result of verifying the chain.
#[derive(Debug)]
pub struct Chain {
    /// The number of entries.
    pub entries: i64,
    /// The newest entry's hash, all zeros for an empty log.
    pub head: ChainHash,
    /// The first invalid entry, and the reason.
    pub broken: Option<(i64, &'static str)>,
}

impl Vault {
    /// Verifies the whole chain, up to the head stored in the vault.
    pub fn verify_log(&self) -> Result<Chain, Error> {
        self.verify_log_from(&[])
    }

    /// The same, and whether the log continues each of the saved heads.
    pub fn verify_log_from(&self, saved: &[SavedHead]) -> Result<Chain, Error> {
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
            if let Err(why) = chain.extend(Line::read(row).ok(), saved) {
                chain.broken = Some((chain.entries + 1, why));
                return Ok(chain);
            }
        }
        let is_log = chain.entries > 0 || has_had_keys(&snapshot)?;
        if head(&snapshot)? != is_log.then_some((chain.entries, chain.head)) {
            chain.broken = Some((chain.entries + 1, "is missing: the log was cut short"));
        } else if saved.iter().any(|saved| saved.sequence() > chain.entries) {
            let why = "is missing: the log was longer when its head was saved";
            chain.broken = Some((chain.entries + 1, why));
        }
        Ok(chain)
    }
}

impl Vault {
    /// The identity of a key, even if its number was used again after a restore: the hash of its
    /// first entry; `None` without an entry.
    pub fn origin(&self, id: KeyId) -> Result<Option<Vec<u8>>, Error> {
        let query = "SELECT hash FROM log WHERE key_id = ?1 ORDER BY sequence LIMIT 1";
        let mut statement = self.connection.prepare_cached(query)?;
        let row = statement.query_row([id], |row| row.get(0));
        Ok(row.optional()?)
    }

    /// The newest entry.
    pub fn newest_entry(&self) -> Result<Option<Entry>, Error> {
        let query = format!("SELECT {COLUMNS} FROM log ORDER BY sequence DESC LIMIT 1");
        let line = self.connection.query_row(&query, [], Line::read);
        line.optional()?.map(Line::entry).transpose()
    }

    /// The newest entry of a key that satisfies the predicate.
    pub fn newest(
        &self,
        id: KeyId,
        matches: impl Fn(&Entry) -> bool,
    ) -> Result<Option<Entry>, Error> {
        let query = format!("SELECT {COLUMNS} FROM log WHERE key_id = ?1 ORDER BY sequence DESC");
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            let entry = Line::read(row)?.entry()?;
            if matches(&entry) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

impl Chain {
    /// The newest entry, to be saved; `None` for an empty log.
    pub fn newest(&self) -> Option<SavedHead> {
        (self.entries > 0).then(|| SavedHead::of(self.entries, &self.head))
    }

    /// Verifies the next row of the log.
    fn extend(&mut self, line: Option<Line>, saved: &[SavedHead]) -> Result<(), &'static str> {
        let next = line.filter(|line| line.sequence == self.entries + 1);
        let line = next.ok_or("is missing or cannot be read")?;
        let hash = line.chained(&self.head);
        if hash[..] != line.hash {
            return Err("does not match its hash");
        }
        let contradicts = |saved: &SavedHead| saved.contradicts(line.sequence, &hash);
        if saved.iter().any(contradicts) {
            return Err(
                "differs from the saved head: the log was rewritten, or continued from an older \
                 copy",
            );
        }
        self.head = hash;
        self.entries = line.sequence;
        Ok(())
    }
}

/// Whether there ever was a key, and so an entry in the log.
fn has_had_keys(connection: &Connection) -> Result<bool, Error> {
    let query = "SELECT 1 FROM sqlite_sequence WHERE name = 'keys'";
    Ok(connection
        .query_row(query, [], |_| Ok(()))
        .optional()?
        .is_some())
}
