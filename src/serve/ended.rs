//! What was seen to have expired or retired here: it stays so when the clock goes back, in memory
//! until the vault says so, too.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::meter::locked;
use super::source::{Source, Stamp};
use crate::process;
use crate::vault::{Action, Author, Error, Presented};

/// How long to wait after the vault could not be written: it may never be.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// What has ended, as far as this process saw.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Whether there is anything in `seen`, so that requests need no lock.
    is_any: AtomicBool,
    /// By the tail of a secret.
    seen: Mutex<HashMap<String, Seen>>,
    noting: Mutex<Noting>,
}

/// An end that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    /// When the secret and its key were to end; a key that was extended is another matter.
    ends: Ends,
    at: Timestamp,
}

/// When a key expires, and its secret retires.
type Ends = [Option<Timestamp>; 2];

/// What is known of ends that are to be noted.
#[derive(Debug, Default)]
struct Noting {
    /// When the next one is, and in which state of the vault.
    next: Option<(Stamp, Option<Timestamp>)>,
    failed_at: Option<Instant>,
}

impl Ended {
    /// The time to judge a secret by: the clock's, or when it was seen to have ended.
    pub(super) fn time(&self, secret: &Presented, now: Timestamp) -> Timestamp {
        if !self.is_any.load(Ordering::Acquire) {
            return now;
        }
        let seen = locked(&self.seen).get(secret.tail.as_str()).copied();
        let same = seen.filter(|seen| seen.ends == ends(secret));
        same.map_or(now, |seen| seen.at.max(now))
    }

    /// Keeps in mind that a secret has ended.
    pub(super) fn see(&self, secret: &Presented, now: Timestamp) {
        if secret.record.key.expired_at.is_some() || secret.retired_at.is_some() {
            return;
        }
        let ends = ends(secret);
        let mut seen = locked(&self.seen);
        let tail = secret.tail.as_str().to_owned();
        let known = seen.entry(tail).or_insert(Seen { ends, at: now });
        if known.ends != ends {
            *known = Seen { ends, at: now };
        }
        self.is_any.store(true, Ordering::Release);
    }

    /// Notes in the vault what has ended. Blocks. Where the vault cannot be written, what was seen
    /// is kept in mind.
    pub(super) fn note(&self, source: &Source, now: Timestamp) {
        let mut noting = locked(&self.noting);
        let is_early = |failed_at: Instant| failed_at.elapsed() < RETRY_AFTER;
        if noting.failed_at.is_some_and(is_early) {
            return;
        }
        let outcome = self.note_with(&mut noting, source, now);
        let is_soon_again = matches!(outcome, Ok(true) | Err(Error::Busy));
        noting.failed_at = (!is_soon_again).then(Instant::now);
    }

    /// Whether all is noted; a key that cannot be read stays.
    fn note_with(
        &self,
        noting: &mut Noting,
        source: &Source,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let latest = locked(&self.seen).values().map(|seen| seen.at).max();
        let clock = latest.map_or(now, |latest| latest.max(now));
        let next = noting.next_end(source, now)?;
        if next.is_some_and(|end| end <= clock) {
            let mut vault = source.open_vault()?;
            vault.note_ends(&Author {
                actor: process::actor(),
                action: Action::Expire,
                clock: Timestamp::from_second(clock.as_second()).unwrap_or(clock),
            })?;
        }
        let is_noted = noting.next_end(source, now)?.is_none_or(|end| end > clock);
        if is_noted {
            self.forget(clock);
        }
        Ok(is_noted)
    }

    /// Forgets what was seen until then: the vault says it now.
    fn forget(&self, until: Timestamp) {
        let mut seen = locked(&self.seen);
        seen.retain(|_, seen| seen.at > until);
        self.is_any.store(!seen.is_empty(), Ordering::Release);
    }
}

impl Noting {
    /// When the next end is that the vault does not say yet.
    fn next_end(&mut self, source: &Source, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let stamp = source.stamp(now)?;
        if let Some((then, next)) = self.next
            && stamp == Some(then)
        {
            return Ok(next);
        }
        let fresh = source.read(|vault| vault.next_end())?;
        self.next = Some((fresh.stamp, fresh.value));
        Ok(fresh.value)
    }
}

fn ends(secret: &Presented) -> Ends {
    [secret.record.key.expires_at, secret.retires_at]
}
