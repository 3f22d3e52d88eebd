//! From a presented text to a verdict: one function, whoever asks.

use jiff::Timestamp;

use crate::key::{Key, Malformed, Secret, Standing};
use crate::vault::{Error, Presented, Vault};

/// A verdict, and the time by which it was reached.
#[derive(Debug)]
pub struct Judged {
    /// What was found.
    pub verdict: Verdict,
    /// The clock's time, or the vault's if that is ahead.
    pub at: Timestamp,
}

/// What is to be thought of a presented secret.
#[derive(Debug)]
pub enum Verdict {
    /// It opens the key.
    Accepted(Key),
    /// It never was a secret.
    Malformed(Malformed),
    /// No key here has it.
    Unknown,
    /// It only ends like a key's secret.
    Mismatch,
    /// Its key is stopped.
    Inactive(Key),
    /// Its key's time is over.
    Expired(Key),
    /// It was its key's secret once.
    Retired(Key),
}

impl Verdict {
    /// The verdict as a word, stable for scripts.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Malformed(_) => "malformed",
            Self::Unknown => "unknown",
            Self::Mismatch => "mismatch",
            Self::Inactive(_) => "inactive",
            Self::Expired(_) => "expired",
            Self::Retired(_) => "retired",
        }
    }

    /// The key that the secret belongs to; nobody is told who only knows a tail.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Malformed(_) | Self::Unknown | Self::Mismatch => None,
            Self::Accepted(key) | Self::Inactive(key) | Self::Expired(key) | Self::Retired(key) => {
                Some(key)
            }
        }
    }

    /// Whether the secret opens its key.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }
}

/// Judges a presented text: shape and checksum, then the tail, then the hash, and only then
/// status and expiry, so that a tail alone reveals nothing.
///
/// The vault is only needed, and only opened, for what has the shape of a secret; `clock` is
/// the system's time, which the vault's newest event may be ahead of.
///
/// # Errors
/// If the vault cannot be opened or read, or its hash must not be checked.
pub fn verify(
    presented: &str,
    open: impl FnOnce() -> Result<Vault, Error>,
    clock: impl Fn() -> Timestamp,
) -> Result<Judged, Error> {
    let at_clock = |verdict| {
        Ok(Judged {
            verdict,
            at: clock(),
        })
    };
    let secret = match Secret::parse(presented) {
        Ok(secret) => secret,
        Err(malformed) => return at_clock(Verdict::Malformed(malformed)),
    };
    let vault = open()?;
    let tail = secret.tail();
    match vault.presented(&tail)? {
        None => return at_clock(Verdict::Unknown),
        Some(known) if !known.hash.matches(&secret)? => return at_clock(Verdict::Mismatch),
        Some(_) => {}
    }
    let at = vault.time(clock())?;
    // Looked up again: a key that was stopped while the hash was computed is stopped.
    let verdict = vault
        .presented(&tail)?
        .map_or(Verdict::Unknown, |known| standing(known, at));
    Ok(Judged { verdict, at })
}

/// The verdict on a secret that is the key's, or was.
fn standing(known: Presented, at: Timestamp) -> Verdict {
    let key = known.record.key;
    if known.retires_at.is_some_and(|end| end <= at) {
        return Verdict::Retired(key);
    }
    match key.standing(at) {
        Standing::Active => Verdict::Accepted(key),
        Standing::Inactive => Verdict::Inactive(key),
        Standing::Expired => Verdict::Expired(key),
    }
}
