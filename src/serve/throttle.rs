//! Slowing down floods of refused requests.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many refusals a second are answered at once; as many may come in a burst.
const FREE: f64 = 100.0;

/// How long a refusal beyond that waits for its answer. What is refused is looked up in the vault
/// each time, which costs more than what is accepted from memory: whoever floods gets few answers
/// in a second, and the processor is left to others.
const PENALTY: Duration = Duration::from_millis(250);

/// A bucket of refusals that are answered at once.
#[derive(Debug)]
pub(super) struct Throttle(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    left: f64,
    filled_at: Instant,
}

impl Throttle {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Bucket {
            left: FREE,
            filled_at: now,
        }))
    }

    /// How long a refusal has to wait.
    pub(super) fn penalty(&self, now: Instant) -> Option<Duration> {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gained = now
            .saturating_duration_since(bucket.filled_at)
            .as_secs_f64()
            * FREE;
        bucket.left = (bucket.left + gained).min(FREE);
        bucket.filled_at = now;
        if bucket.left < 1.0 {
            return Some(PENALTY);
        }
        bucket.left -= 1.0;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_a_flood_waits() {
        let start = Instant::now();
        let throttle = Throttle::new(start);
        let free = (0..500)
            .filter(|_| throttle.penalty(start).is_none())
            .count();
        assert_eq!(free, 100);
        let later = start + Duration::from_millis(505);
        let free = (0..500)
            .filter(|_| throttle.penalty(later).is_none())
            .count();
        assert_eq!(free, 50);
    }
}
