//! Delays refusals: slightly, so that their timing reveals nothing, and in a flood for longer.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::lock::locked;

/// How many refusals per second are not delayed further; as many may come in a burst.
const FREE_RATE: f64 = 100.0;

/// The delay of refusals beyond that. Each one needs a lookup in the vault, which costs more than
/// an acceptance from memory: a flood gets few responses per second, and leaves the processor to
/// others.
const PENALTY: Duration = Duration::from_millis(250);

/// The minimum time between a request and its refusal. A secret with the tail of a key takes some
/// 30 µs longer to refuse than others: timing must not reveal that the key exists.
const MIN_DELAY: Duration = Duration::from_millis(2);

/// A token bucket for refusals without the longer delay.
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

    /// When to answer a refusal.
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
    fn refusals_have_uniform_timing() {
        let received = Instant::now();
        let throttle = Throttle::new(received);
        for took in [0, 30, 500, 1999] {
            let now = received + Duration::from_micros(took);
            assert_eq!(throttle.answer_at(received, now), received + MIN_DELAY);
        }
    }
}
