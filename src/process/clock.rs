//! The system clock, limited to a supported range.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::error::Explained;

/// The earliest supported time: 1970. Some dependencies cannot represent earlier ones.
const EARLIEST: i64 = 0;

/// The latest supported time: the year 9000, which leaves room for terms and time zones.
const LATEST: i64 = 221_845_392_000;

/// The last second that an HTTP date can represent (RFC 9110, section 5.6.7): years have four
/// digits.
const LATEST_HTTP_DATE: i64 = 253_402_300_799;

/// A clock outside of the supported range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, miette::Diagnostic, thiserror::Error)]
#[diagnostic(help("{}", WrongClock::HINT))]
#[error("the system clock is wrong: it says {}", display_seconds(*.seconds))]
pub struct WrongClock {
    seconds: i64,
}

impl Explained for WrongClock {}

impl WrongClock {
    /// How to fix it.
    pub const HINT: &str = "set the clock (`date` shows it), and run this again";

    /// The closest supported time.
    pub fn nearest(self) -> Timestamp {
        timestamp(self.seconds.clamp(EARLIEST, LATEST))
    }
}

/// The current time in whole seconds, as it is stored; if the clock is wrong, the closest supported
/// time.
pub fn now() -> Timestamp {
    clock().unwrap_or_else(WrongClock::nearest)
}

/// The current time in whole seconds.
///
/// # Errors
/// [`WrongClock`] if it is before 1970 or after the year 9000.
pub fn clock() -> Result<Timestamp, WrongClock> {
    in_range(seconds())
}

/// Whether an HTTP date can represent the current time.
pub fn has_http_date() -> bool {
    (EARLIEST..=LATEST_HTTP_DATE).contains(&seconds())
}

fn in_range(seconds: i64) -> Result<Timestamp, WrongClock> {
    match (EARLIEST..=LATEST).contains(&seconds) {
        true => Ok(timestamp(seconds)),
        false => Err(WrongClock { seconds }),
    }
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("the calendar has all of these years")
}

/// Seconds since 1970.
fn seconds() -> i64 {
    let whole = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => whole(since),
        // A fraction of a second before 1970 is before 1970.
        Err(before) => whole(before.duration()).saturating_neg().saturating_sub(1),
    }
}

fn display_seconds(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(display_seconds) => display_seconds.to_string(),
        Err(_) => format!("{seconds} seconds since 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_outside_the_supported_range_is_wrong() {
        for (seconds, nearest, display_seconds) in [
            (
                i64::MIN,
                EARLIEST,
                "-9223372036854775808 seconds since 1970",
            ),
            (-62_135_596_800, EARLIEST, "0001-01-01T00:00:00Z"),
            (-1, EARLIEST, "1969-12-31T23:59:59Z"),
            (LATEST + 1, LATEST, "9000-01-01T00:00:01Z"),
            (LATEST_HTTP_DATE, LATEST, "253402300799 seconds since 1970"),
            (i64::MAX, LATEST, "9223372036854775807 seconds since 1970"),
        ] {
            let wrong = in_range(seconds).expect_err("a wrong clock");
            assert_eq!(wrong.nearest().as_second(), nearest, "{seconds}");
            let message = format!("the system clock is wrong: it says {display_seconds}");
            assert_eq!(wrong.to_string(), message);
        }
        for seconds in [EARLIEST, i64::from(i32::MAX) + 1, 1 << 32, LATEST] {
            let now = in_range(seconds).map(Timestamp::as_second);
            assert_eq!(now, Ok(seconds));
        }
    }
}
