//! Whether the log is whole: the chain, checked from the first entry to the head.

use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, OptionalExtension};

use super::{COLUMNS, ChainHash, GENESIS, Line, head, hex};
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

/// The newest entry at some time, kept outside of the vault: what a log must go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    sequence: i64,
    hash: String,
}

/// A text that is no saved head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a head that postkey saved")]
pub struct NoHead;

/// What a saved head begins with.
const TITLE: &str = "postkey log head, version 1";

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequence, hash } = self;
        write!(f, "{TITLE}\nsequence {sequence}\nhash {hash}\n")
    }
}

impl FromStr for Head {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let mut lines = text.lines();
        let mut next = |word| lines.next()?.strip_prefix(word);
        let head = (|| {
            next(TITLE).filter(|rest| rest.is_empty())?;
            let sequence = next("sequence ")?
                .parse()
                .ok()
                .filter(|&number| number > 0)?;
            let hash = next("hash ").filter(|hash| is_hash(hash))?.to_owned();
            Some(Self { sequence, hash })
        })();
        let is_all = lines.next().is_none();
        head.filter(|_| is_all).ok_or(NoHead)
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Vault {
    /// Checks the whole chain, up to the head that the vault remembers, and whether it goes on
    /// from a head that was saved.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn verify_log(&self, saved: Option<&Head>) -> Result<Chain, Error> {
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
            let line = Line::read(row).ok();
            if let Err(why) = chain.extend(line, saved) {
                chain.broken = Some((chain.entries + 1, why));
                return Ok(chain);
            }
        }
        let is_log = chain.entries > 0 || had_keys(&snapshot)?;
        if head(&snapshot)? != is_log.then_some((chain.entries, chain.head)) {
            chain.broken = Some((chain.entries + 1, "is missing: the log was cut short"));
        } else if saved.is_some_and(|saved| saved.sequence > chain.entries) {
            let why = "is missing: the log was longer when its head was saved";
            chain.broken = Some((chain.entries + 1, why));
        }
        Ok(chain)
    }
}

impl Chain {
    /// The newest entry, to be saved; an empty log has none.
    pub fn newest(&self) -> Option<Head> {
        (self.entries > 0).then(|| Head {
            sequence: self.entries,
            hash: hex(&self.head),
        })
    }

    /// Takes the next line of the log, or tells what is wrong with it.
    fn extend(&mut self, line: Option<Line>, saved: Option<&Head>) -> Result<(), &'static str> {
        let next = line.filter(|line| line.sequence == self.entries + 1);
        let line = next.ok_or("is missing or cannot be read")?;
        let hash = line.chained(&self.head);
        if hash[..] != line.hash {
            return Err("does not match its hash");
        }
        let saved = saved.filter(|saved| saved.sequence == line.sequence);
        if saved.is_some_and(|saved| saved.hash != hex(&hash)) {
            return Err(
                "is another one than when its head was saved: the log was written anew, \
                 or went on from an older copy",
            );
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
