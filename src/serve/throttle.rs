//! When refusals are answered: none so soon that its time tells anything, and floods of them late.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::lock::locked;

/// How many refusals a second are answered at once; as many may come in a burst.
const FREE_RATE: f64 = 100.0;

/// How long a refusal beyond that waits for its answer. What is refused is looked up in the vault
/// each time, which costs more than what is accepted from memory: whoever floods gets few answers
/// in a second, and the processor is left to others.
const PENALTY: Duration = Duration::from_millis(250);

/// How long after its request a refusal is answered at the earliest. A secret that ends like a
/// key's takes some 30 µs longer to refuse than another: that the key exists must not be measured.
const MIN_DELAY: Duration = Duration::from_millis(2);

/// A bucket of refusals that are answered without a penalty.
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
            left: FREE_RATE,
            filled_at: now,
        }))
    }

    /// When the refusal of a request is answered.
    pub(super) fn answer_at(&self, received: Instant, now: Instant) -> Instant {
        let earliest = received + MIN_DELAY;
        let penalty = self.penalty(now);
        penalty.map_or(earliest, |penalty| earliest.max(now + penalty))
    }

    fn penalty(&self, now: Instant) -> Option<Duration> {
        let mut bucket = locked(&self.0);
        let gained = now
            .saturating_duration_since(bucket.filled_at)
            .as_secs_f64()
            * FREE_RATE;
        bucket.left = (bucket.left + gained).min(FREE_RATE);
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

    #[test]
    fn how_long_a_refusal_took_does_not_show() {
        let received = Instant::now();
        let throttle = Throttle::new(received);
        for took in [0, 30, 500, 1999] {
            let now = received + Duration::from_micros(took);
            assert_eq!(throttle.answer_at(received, now), received + MIN_DELAY);
        }
    }
}
