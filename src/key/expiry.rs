//! When a key expires, and spans of time as people write them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::Invalid;

/// An example of a date.
const DATE: &str = "2027-01-31";

/// When a key expires, as written: `90d`, `2027-01-31`, a timestamp, or `never`.
#[derive(Clone, Copy, Debug)]
pub enum Expiry {
    /// Never.
    Never,
    /// This long after now.
    After(Period),
    /// At a time; a bare date is its first second, UTC.
    At(Timestamp),
}

impl Expiry {
    /// The time, relative to `now`; `None` is never.
    ///
    /// # Errors
    /// If the time is not after `now`, or beyond the calendar.
    pub fn resolve(self, now: Timestamp) -> Result<Option<Timestamp>, Invalid> {
        let end = self.end_from(now)?;
        match end {
            Some(end) if end <= now => {
                Err(
                    Invalid::new("an expiry", &end.to_string(), "it is not in the future")
                        .with_hint("write `90d`, a later date such as `2027-01-31`, or `never`"),
                )
            }
            end => Ok(end),
        }
    }

    /// The span, if it only has minutes: months may be meant.
    pub fn minutes(self) -> Option<Period> {
        match self {
            Self::After(period) => period.minutes(),
            Self::Never | Self::At(_) => None,
        }
    }

    /// The time, with spans counted from `start`, even if it is past; `None` is never.
    ///
    /// # Errors
    /// If the time is beyond the calendar.
    pub fn end_from(self, start: Timestamp) -> Result<Option<Timestamp>, Invalid> {
        match self {
            Self::Never => Ok(None),
            Self::After(period) => period.after(start).map(Some),
            Self::At(end) => Ok(Some(end)),
        }
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::After(period) => period.fmt(f),
            Self::At(moment) => moment.fmt(f),
        }
    }
}

impl FromStr for Expiry {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "never" {
            return Ok(Self::Never);
        }
        if let Some(moment) = moment(text) {
            return Ok(Self::At(moment));
        }
        text.parse().map(Self::After).map_err(|_| {
            let rule = match is_impossible_date(text) {
                true => "there is no such date",
                false => "an expiry is a span of time, a date, or `never`",
            };
            Invalid::new("an expiry", text, rule).with_hint(
                "write `90d`, `2027-01-31` (the first second of that day, UTC), or `never`",
            )
        })
    }
}

/// Whether a text begins with an impossible date, such as `2027-02-29`.
pub(super) fn is_impossible_date(text: &str) -> bool {
    let shape = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    let date = text
        .get(..DATE.len())
        .filter(|date| date.bytes().enumerate().all(shape));
    date.is_some_and(|date| date.parse::<Date>().is_err())
}

/// A timestamp, or the first second of a date, UTC.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Timestamp::from_second(moment.as_second()).ok();
    }
    let is_date = text.len() == DATE.len();
    let date = is_date.then(|| text.parse::<Date>().ok())??;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// A positive span of time: `45d`, `48h`, `2w`, `5s`.
#[derive(Clone, Copy, Debug)]
pub struct Period(Span);

impl PartialEq for Period {
    /// As written: 24 hours are not a day.
    fn eq(&self, other: &Self) -> bool {
        self.0.fieldwise() == other.0.fieldwise()
    }
}

impl Eq for Period {}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl Period {
    /// The time this long after `now`, counting days of 24 hours.
    ///
    /// # Errors
    /// If it is beyond the calendar.
    pub fn after(self, now: Timestamp) -> Result<Timestamp, Invalid> {
        self.add(now, self.0)
    }

    /// The time this long before `now`.
    ///
    /// # Errors
    /// If it is beyond the calendar.
    pub fn before(self, now: Timestamp) -> Result<Timestamp, Invalid> {
        self.add(now, self.0.negate())
    }

    fn add(self, now: Timestamp, span: Span) -> Result<Timestamp, Invalid> {
        let moment = now.to_zoned(TimeZone::UTC).checked_add(span);
        moment.map(|moment| moment.timestamp()).map_err(|_| {
            Invalid::new("a span of time", &self.to_string(), "it is too long")
                .with_hint("write a shorter one, such as `90d` or `2w`")
        })
    }

    /// Itself, if it only has minutes: months may be meant.
    pub fn minutes(self) -> Option<Self> {
        let minutes = Span::new().try_minutes(self.0.get_minutes()).ok()?;
        (self.0.fieldwise() == minutes.fieldwise()).then_some(self)
    }

    /// Its length, if that is fixed: if it has no units larger than days.
    pub fn length(self) -> Option<std::time::Duration> {
        let relative = jiff::SpanRelativeTo::days_are_24_hours();
        self.0.to_duration(relative).ok()?.try_into().ok()
    }
}

impl FromStr for Period {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse()
            .ok()
            .filter(|span: &Span| span.is_positive())
            .map(Self)
            .ok_or_else(|| {
                Invalid::new(
                    "a span of time",
                    text,
                    "a span of time is a positive number and a unit",
                )
                .with_hint("write `5s`, `48h`, `90d`, `2w`")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    #[test]
    fn spans_dates_timestamps_and_never_are_understood() {
        let now = at("2026-11-22T10:00:00Z");
        for (text, end) in [
            ("90d", Some("2027-02-20T10:00:00Z")),
            ("48h", Some("2026-11-24T10:00:00Z")),
            ("2w", Some("2026-12-06T10:00:00Z")),
            ("2027-01-31", Some("2027-01-31T00:00:00Z")),
            ("2027-01-31T12:30:00+02:00", Some("2027-01-31T10:30:00Z")),
            ("never", None),
        ] {
            let expiry = text.parse::<Expiry>().expect(text);
            assert_eq!(expiry.resolve(now).expect(text), end.map(at), "{text}");
        }
    }

    #[test]
    fn the_past_and_the_far_future_are_refused() {
        let now = at("2026-11-22T10:00:00Z");
        for text in ["2026-11-22", "2020-01-01", "9000y"] {
            assert!(
                text.parse::<Expiry>().expect(text).resolve(now).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn an_impossible_date_is_reported_as_such() {
        for (text, rule) in [
            ("2027-02-29", "no such date"),
            ("2027-13-01", "no such date"),
            ("2027-02-30T10:00:00Z", "no such date"),
            ("2027-2-1", "a span of time"),
            ("soon", "a span of time"),
        ] {
            let invalid = text.parse::<Expiry>().expect_err(text).to_string();
            assert!(invalid.contains(rule), "{invalid}");
        }
    }

    #[test]
    fn minutes_may_be_meant_as_months() {
        for (text, are) in [
            ("1m", true),
            ("90m", true),
            ("1mo", false),
            ("1h 5m", false),
        ] {
            let expiry: Expiry = text.parse().expect(text);
            assert_eq!(expiry.minutes().is_some(), are, "{text}");
        }
    }

    #[test]
    fn other_words_are_refused() {
        for text in [
            "",
            "-90d",
            "0d",
            "soon",
            "90",
            "2027-02-30",
            "20270131x",
            "99999999999999999999d",
        ] {
            assert!(text.parse::<Expiry>().is_err(), "{text}");
        }
    }
}
