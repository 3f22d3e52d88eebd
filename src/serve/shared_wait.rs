//! A shared deadline for a locked vault: all waiting requests end together, not one after another.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::lock::locked;
use crate::vault::Error;

/// A wait that is shared by all requests.
#[derive(Debug)]
pub(super) struct SharedWait {
    wait: Duration,
    locked: Mutex<Option<Locked>>,
}

/// The vault is locked.
#[derive(Clone, Copy, Debug)]
struct Locked {
    since: Instant,
    seen_at: Instant,
}

/// The deadline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(wait: Duration) -> Self {
        Self(Instant::now() + wait)
    }

    /// The remaining time.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

impl SharedWait {
    pub(super) fn new(wait: Duration) -> Self {
        Self {
            wait,
            locked: Mutex::default(),
        }
    }

    /// Tries at once, and again while the vault is locked: until the shared deadline.
    ///
    /// # Errors
    /// [`Error::Busy`] if it was locked until then, or the errors of `work`.
    pub(super) fn retry<T>(&self, work: impl Fn(Deadline) -> Result<T, Error>) -> Result<T, Error> {
        let outcome = match work(Deadline::after(Duration::ZERO)) {
            Err(Error::Busy) => work(self.deadline(Instant::now())),
            outcome => outcome,
        };
        match outcome {
            Err(Error::Busy) => self.note_ended(Instant::now()),
            _ => *self.locked() = None,
        }
        outcome
    }

    /// Records that it is still locked.
    fn note_ended(&self, now: Instant) {
        if let Some(locked) = &mut *self.locked() {
            locked.seen_at = now;
        }
    }

    fn deadline(&self, now: Instant) -> Deadline {
        let mut locked = self.locked();
        // A lock seen long ago may be another one.
        let same = locked.filter(|locked| now < locked.seen_at + self.wait);
        let since = same.map_or(now, |locked| locked.since);
        *locked = Some(Locked {
            since,
            seen_at: now,
        });
        Deadline(since + self.wait)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Option<Locked>> {
        locked(&self.locked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(5);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn all_waiters_share_one_deadline() {
        let patience = SharedWait::new(WAIT);
        let start = Instant::now();
        for after in 0..12 {
            let deadline = patience.deadline(start + after * SECOND);
            assert_eq!(deadline.0, start + WAIT, "after {after} s");
        }
    }

    #[test]
    fn a_later_lock_gets_a_new_deadline() {
        let patience = SharedWait::new(WAIT);
        let start = Instant::now();
        patience.deadline(start);
        patience.note_ended(start + WAIT);
        let soon = start + WAIT + SECOND;
        assert_eq!(patience.deadline(soon).0, start + WAIT);
        let later = start + 3 * WAIT;
        assert_eq!(patience.deadline(later).0, later + WAIT);
    }

    #[test]
    fn a_successful_read_resets_the_deadline() {
        let patience = SharedWait::new(WAIT);
        let start = Instant::now();
        patience.deadline(start);
        patience.retry(|_| Ok(())).expect("read");
        assert_eq!(patience.deadline(start + SECOND).0, start + SECOND + WAIT);
    }
}
