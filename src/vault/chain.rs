//! The log as a whole: verifies its chain, and finds single entries.

use std::ops::ControlFlow;

use rusqlite::params;

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
        let _snapshot = self.store.begin_snapshot()?;
        let mut chain = Chain {
            entries: 0,
            head: GENESIS,
            broken: None,
        };
        let query = format!("SELECT {COLUMNS} FROM log ORDER BY sequence");
        let broken = self.store.scan(&query, &[], |row| {
            Ok::<_, Error>(match chain.extend(Line::read(row).ok(), saved) {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => ControlFlow::Break(why),
            })
        })?;
        if let Some(why) = broken {
            chain.broken = Some((chain.entries + 1, why));
            return Ok(chain);
        }
        let is_log = chain.entries > 0 || self.store.has_had_keys()?;
        if head(&self.store)? != is_log.then_some((chain.entries, chain.head)) {
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
        self.store.one(query, params![id], |row| row.get(0))
    }

    /// The newest entry.
    pub fn newest_entry(&self) -> Result<Option<Entry>, Error> {
        let query = format!("SELECT {COLUMNS} FROM log ORDER BY sequence DESC LIMIT 1");
        self.store.one(&query, &[], |row| Line::read(row)?.entry())
    }

    /// The newest entry of a key that satisfies the predicate.
    pub fn newest(
        &self,
        id: KeyId,
        matches: impl Fn(&Entry) -> bool,
    ) -> Result<Option<Entry>, Error> {
        let query = format!("SELECT {COLUMNS} FROM log WHERE key_id = ?1 ORDER BY sequence DESC");
        self.store.scan(&query, params![id], |row| {
            let entry = Line::read(row)?.entry()?;
            Ok::<_, Error>(match matches(&entry) {
                true => ControlFlow::Break(entry),
                false => ControlFlow::Continue(()),
            })
        })
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
