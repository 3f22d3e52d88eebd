//! Limits on the requests of an API key.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use strum::{EnumString, IntoStaticStr};

use super::Invalid;

/// How far two clocks may differ without a warning, in seconds: a use or a window that is at most
/// this far in the future still counts.
pub const CLOCK_TOLERANCE: i64 = 60;

/// A number of requests per window, or no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// No limit.
    None,
    /// At most this many requests in each window.
    Requests {
        /// The number; at least 1.
        count: u32,
        /// The window.
        window: Window,
    },
}

/// A fixed window of the clock, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Window {
    /// From second 0 to second 59.
    Minute,
    /// From minute 0 to minute 59.
    Hour,
    /// From midnight to midnight.
    Day,
}

/// The use of a key in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowUse {
    /// The start of the window, in Unix seconds.
    pub since: i64,
    /// The number of requests.
    pub count: u32,
}

/// Requests of one window that have to be recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSpend {
    /// The window, and the number.
    pub used: WindowUse,
    /// The start of the next window, in Unix seconds, if it is so close that others may already use
    /// it.
    pub next: Option<i64>,
}

/// What is left of a limit in the current window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The limit.
    pub limit: u32,
    /// How many requests were accepted.
    pub used: WindowUse,
    /// The start of the next window, in Unix seconds.
    pub resets_at: i64,
    /// The same, if it is so close that others may already use it.
    next: Option<i64>,
}

impl Allowance {
    /// How many requests are left.
    pub fn remaining(self) -> u32 {
        self.limit.saturating_sub(self.used.count)
    }

    /// The start of the next window; `None` if that is no time.
    pub fn reset(self) -> Option<Timestamp> {
        Timestamp::from_second(self.resets_at).ok()
    }

    /// This many requests of this window, to be recorded.
    pub fn with_count(self, count: u32) -> WindowSpend {
        WindowSpend {
            used: WindowUse { count, ..self.used },
            next: self.next,
        }
    }

    /// The allowance after one more request.
    pub fn next(self) -> Self {
        let count = self.used.count.saturating_add(1);
        let used = WindowUse { count, ..self.used };
        Self { used, ..self }
    }
}

impl Limit {
    /// What is left at `now` after `used`; `None` if there is no limit.
    pub fn allowance(self, used: WindowUse, now: Timestamp) -> Option<Allowance> {
        let Self::Requests { count, window } = self else {
            return None;
        };
        let start = window.start(now);
        // A request at the end of a window may be counted in the next one, as may one after a clock
        // that was set back slightly. A window further in the future is due to a wrong clock.
        let soon = |since: i64| (since - now.as_second() <= CLOCK_TOLERANCE).then_some(since);
        let next = soon(start + window.length());
        let is_next = next == Some(used.since);
        let since = if is_next { used.since } else { start };
        let is_current = used.since == since;
        Some(Allowance {
            limit: count,
            used: WindowUse {
                since,
                count: if is_current { used.count } else { 0 },
            },
            resets_at: since + window.length(),
            next: soon(since + window.length()),
        })
    }
}

impl Window {
    /// Its length in seconds; a Unix day always has 86400 (POSIX, XBD 4.19).
    fn length(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// The start of the window at `now`, in Unix seconds.
    fn start(self, now: Timestamp) -> i64 {
        let seconds = now.as_second();
        seconds - seconds.rem_euclid(self.length())
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Requests { count, window } => write!(f, "{count}/{}", window.into_str()),
        }
    }
}

impl FromStr for Limit {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "none" {
            return Ok(Self::None);
        }
        requests(text).ok_or_else(|| {
            let rule = "a limit is a number of requests from 1 to 4294967295 and a window";
            Invalid::new("a limit", text, rule)
                .with_hint("write `300/day`, `1000/hour`, `20/minute`, or `none`")
        })
    }
}

fn requests(text: &str) -> Option<Limit> {
    let (count, window) = text.split_once('/')?;
    let window = window.parse().ok()?;
    let digits_only = count.bytes().all(|byte| byte.is_ascii_digit());
    let count = count
        .parse()
        .ok()
        .filter(|&count| count > 0 && digits_only)?;
    Some(Limit::Requests { count, window })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_round_trip() {
        for text in [
            "300/day",
            "1000/hour",
            "20/minute",
            "none",
            "4294967295/day",
        ] {
            assert_eq!(text.parse::<Limit>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn each_window_allows_the_same_number() {
        let at = |text: &str| text.parse::<Timestamp>().expect(text);
        let limit: Limit = "2/hour".parse().expect("a limit");
        let left = |used, time| limit.allowance(used, at(time)).expect("a limit");
        let first = left(WindowUse::default(), "2026-11-22T10:59:58Z");
        assert_eq!(first.resets_at, at("2026-11-22T11:00:00Z").as_second());
        let second = left(first.next().used, "2026-11-22T10:59:59Z");
        assert_eq!((first.remaining(), second.remaining()), (2, 1));
        let third = left(second.next().used, "2026-11-22T10:59:59Z");
        assert_eq!(third.remaining(), 0);
        assert_eq!(left(third.used, "2026-11-22T11:00:00Z").remaining(), 2);
        let next = left(third.used, "2026-11-22T11:00:00Z").next();
        let overtaken = left(next.used, "2026-11-22T10:59:59Z");
        assert_eq!((overtaken.remaining(), overtaken.used), (1, next.used));
        // A clock that was set back by a few seconds, and one that had been half an hour ahead.
        let set_back = left(next.used, "2026-11-22T10:59:00Z");
        assert_eq!(set_back.used, next.used);
        let far = left(next.used, "2026-11-22T10:30:00Z");
        assert_eq!((far.remaining(), far.resets_at), (2, first.resets_at));
        assert_eq!(
            Limit::None.allowance(third.used, at("2026-11-22T10:00:00Z")),
            None
        );
    }

    #[test]
    fn invalid_limits_are_refused() {
        for text in [
            "",
            "0/day",
            "-1/day",
            "+1/day",
            "300",
            "300/week",
            "1.5/day",
            "4294967296/day",
            "None",
        ] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }
}
