//! Past times as people write them.

use std::str::FromStr;

use jiff::Timestamp;

use crate::key::expiry::{is_impossible_date, moment};
use crate::key::{Invalid, Period};

/// A past time, as written: `36h` for that long ago, `2026-11-20`, or a timestamp.
#[derive(Clone, Copy, Debug)]
pub enum PastTime {
    /// This long before now.
    Ago(Period),
    /// At a time; a bare date is its first second, UTC.
    At(Timestamp),
}

impl PastTime {
    /// The time, relative to `now`.
    ///
    /// # Errors
    /// If the time is after `now`, or beyond the calendar.
    pub fn resolve(self, now: Timestamp) -> Result<Timestamp, Invalid> {
        let moment = self.moment(now)?;
        if moment <= now {
            return Ok(moment);
        }
        let moment = moment.to_string();
        let invalid = Invalid::new("a time in the past", &moment, "it is in the future");
        Err(invalid.with_hint("write `36h`, or an earlier date such as `2026-11-20`"))
    }

    /// The time, even if it is in the future.
    ///
    /// # Errors
    /// If it is beyond the calendar.
    pub fn moment(self, now: Timestamp) -> Result<Timestamp, Invalid> {
        match self {
            Self::Ago(period) => period.before(now),
            Self::At(moment) => Ok(moment),
        }
    }
}

impl FromStr for PastTime {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Some(moment) = moment(text) {
            return Ok(Self::At(moment));
        }
        text.parse().map(Self::Ago).map_err(|_| {
            let rule = match is_impossible_date(text) {
                true => "there is no such date",
                false => "it is a span of time that has passed, a date, or a timestamp",
            };
            Invalid::new("a time in the past", text, rule).with_hint(
                "write `36h`, `2026-11-20` (the first second of that day, UTC), \
                 or `2026-11-20T14:00:00Z`",
            )
        })
    }
}
