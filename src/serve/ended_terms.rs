//! Expired keys and retired secrets that this process has seen: they stay so if the clock goes
//! back, in memory until the vault records it, or until another clock is accepted.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::process;
use crate::serve::lock::locked;
use crate::serve::vault_handle::{VaultHandle, VaultVersion, author};
use crate::vault::{Action, Error, Head, ObservedEnd, StoredSecret};

/// How long to wait after the vault could not be written, which may be permanent.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The maximum number of ends recorded in one transaction, during which nobody else can write.
const BATCH_SIZE: usize = 1000;

/// The ends that this process has seen.
#[derive(Debug, Default)]
pub(super) struct EndedTerms {
    /// Whether `seen` is not empty, so that requests need no lock.
    is_any: AtomicBool,
    /// By the tail of a secret.
    seen: Mutex<HashMap<String, ObservedEnd>>,
    pending: Mutex<PendingEnds>,
}

/// The state of recording ends.
#[derive(Debug, Default)]
struct PendingEnds {
    /// When the next one is due, and in which state of the vault.
    next: Option<(VaultVersion, Option<Timestamp>)>,
    /// The newest log entry in that state.
    head: Option<Head>,
    failed_at: Option<Instant>,
}

impl EndedTerms {
    /// The time to judge a secret by: that of the clock, or when its end was seen.
    pub(super) fn time(&self, secret: &StoredSecret, now: Timestamp) -> Timestamp {
        if !self.is_any.load(Ordering::Acquire) {
            return now;
        }
        let seen = locked(&self.seen);
        let seen = seen.get(secret.tail.as_str());
        let same = seen.filter(|seen| is_same(seen, secret));
        same.map_or(now, |seen| seen.at.max(now))
    }

    /// Remembers that a secret has ended.
    pub(super) fn note_ended(&self, secret: &StoredSecret, now: Timestamp) {
        if secret.record.key.expired_at.is_some() || secret.retired_at.is_some() {
            return;
        }
        // A clock that is certainly wrong ends nothing.
        if process::clock().is_err() {
            return;
        }
        let mut seen = locked(&self.seen);
        let known = seen.get(secret.tail.as_str());
        if !known.is_some_and(|known| is_same(known, secret)) {
            let end = ObservedEnd {
                tail: secret.tail.clone(),
                expires_at: secret.record.key.expires_at,
                retires_at: secret.retires_at,
                at: now,
            };
            seen.insert(secret.tail.as_str().to_owned(), end);
        }
        self.is_any.store(true, Ordering::Release);
    }

    /// Records ends in the vault. Blocks. If the vault cannot be written, they stay in memory.
    pub(super) fn note(&self, source: &VaultHandle, now: Timestamp) {
        let mut pending = locked(&self.pending);
        if self
            .refresh(&mut pending, |pending| pending.refresh(source))
            .is_err()
        {
            return;
        }
        let is_early = |failed_at: Instant| failed_at.elapsed() < RETRY_AFTER;
        if pending.failed_at.is_some_and(is_early) {
            return;
        }
        let outcome = self.note_with(&mut pending, source, now);
        let is_soon_again = matches!(outcome, Ok(()) | Err(Error::Busy));
        pending.failed_at = (!is_soon_again).then(Instant::now);
    }

    /// Reads the vault. Ends seen before another clock was accepted do not count.
    fn refresh(
        &self,
        pending: &mut PendingEnds,
        read: impl FnOnce(&mut PendingEnds) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        if read(pending)? {
            self.forget(|_| true);
        }
        Ok(())
    }

    /// Records the ends that were seen, possibly by a clock that is right again, and those due by
    /// now.
    fn note_with(
        &self,
        pending: &mut PendingEnds,
        source: &VaultHandle,
        now: Timestamp,
    ) -> Result<(), Error> {
        let seen: HashMap<String, ObservedEnd> = {
            let all = locked(&self.seen);
            let some = all.iter().take(BATCH_SIZE);
            some.map(|(tail, end)| (tail.clone(), end.clone()))
                .collect()
        };
        let is_due = pending.is_due(now);
        if seen.is_empty() && !is_due {
            return Ok(());
        }
        let mut vault = source.open_vault()?;
        let author = author(Action::Expire, now);
        if !seen.is_empty() {
            vault.note_seen(&author, seen.values(), pending.head)?;
            self.forget(|end| seen.get(end.tail.as_str()) == Some(end));
        }
        if is_due && vault.note_ends(&author)? {
            // The remaining secrets have ended, too, but cannot be read.
            self.refresh(pending, |pending| pending.read(source, now))?;
        }
        Ok(())
    }

    /// Forgets an end that the vault has recorded, or that does not count.
    fn forget(&self, is_over: impl Fn(&ObservedEnd) -> bool) {
        let mut seen = locked(&self.seen);
        seen.retain(|_, end| !is_over(end));
        self.is_any.store(!seen.is_empty(), Ordering::Release);
    }
}

impl PendingEnds {
    /// Reads when the next end is due, if the vault has changed. Returns whether another clock has
    /// been accepted meanwhile.
    fn refresh(&mut self, source: &VaultHandle) -> Result<bool, Error> {
        let vault_version = source.vault_version()?;
        if self
            .next
            .is_some_and(|(then, _)| vault_version == Some(then))
        {
            return Ok(false);
        }
        self.read(source, Timestamp::MIN)
    }

    fn read(&mut self, source: &VaultHandle, after: Timestamp) -> Result<bool, Error> {
        let since = self.head;
        let fresh = source.read(|vault| {
            let has_accepted = |since| vault.has_accepted_clock(since);
            let is_accepted = since.map_or(Ok(false), has_accepted)?;
            Ok((vault.next_end(after)?, vault.head()?, is_accepted))
        })?;
        let (next, head, is_accepted) = fresh.value;
        (self.next, self.head) = (Some((fresh.vault_version, next)), head);
        Ok(is_accepted)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let next = self.next.and_then(|(_, next)| next);
        next.is_some_and(|end| end <= now)
    }
}

fn is_same(seen: &ObservedEnd, secret: &StoredSecret) -> bool {
    seen.expires_at == secret.record.key.expires_at && seen.retires_at == secret.retires_at
}
