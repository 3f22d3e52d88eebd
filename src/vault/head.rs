//! Log heads that are saved outside of the vault.

use std::fmt;
use std::str::FromStr;

use super::log::ChainHash;

/// The newest entry at some time, saved outside of the vault: the log must continue from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedHead {
    sequence: i64,
    hash: String,
}

/// A text that is not a saved head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a log head saved by postkey")]
pub struct InvalidHead;

/// The first line of a saved head.
const TITLE: &str = "postkey log head, version 1";

impl fmt::Display for SavedHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequence, hash } = self;
        write!(f, "{TITLE}\nsequence {sequence}\nhash {hash}\n")
    }
}

impl FromStr for SavedHead {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Self, InvalidHead> {
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
        head.filter(|_| is_all).ok_or(InvalidHead)
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl SavedHead {
    /// The entry with this number and hash.
    pub(super) fn of(sequence: i64, hash: &ChainHash) -> Self {
        Self {
            sequence,
            hash: base16ct::lower::encode_string(hash),
        }
    }

    /// Its number.
    pub(super) fn sequence(&self) -> i64 {
        self.sequence
    }

    /// Whether it differs from the entry with this number and hash.
    pub(super) fn contradicts(&self, sequence: i64, hash: &ChainHash) -> bool {
        self.sequence == sequence && self.hash != base16ct::lower::encode_string(hash)
    }
}
