//! How long something about a key may last before it needs attention.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{Invalid, Period};

/// A term of a policy: `90d`, or `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// No limit.
    Never,
    /// Due this long after the start.
    After(Period),
}

impl Term {
    /// When something that began at `start` is due; `None` is never, or beyond the calendar.
    pub fn due(self, start: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::After(period) => period.after(start).ok(),
        }
    }
}

impl Term {
    /// The span, if it only has minutes: months may be meant.
    pub fn minutes(self) -> Option<Period> {
        match self {
            Self::After(period) => period.minutes(),
            Self::Never => None,
        }
    }
}

impl FromStr for Term {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "never" {
            return Ok(Self::Never);
        }
        text.parse().map(Self::After).map_err(|_| {
            Invalid::new("a rule's time", text, "it is a span of time, or `never`")
                .with_hint("write `30d`, `12w`, or `never`")
        })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::After(period) => period.fmt(f),
        }
    }
}

/// A key's own policy, instead of the settings'; empty by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyPolicy {
    /// How old its secret may become.
    pub rotate_every: Option<Term>,
    /// How long it may go unused.
    pub unused: Option<Term>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_written_as_it_was_read() {
        for text in ["never", "90d", "48h", "2w", "1mo", "90m"] {
            let term = text.parse::<Term>().expect(text);
            assert_eq!(term.to_string(), text);
            assert_eq!(term.to_string().parse::<Term>().expect(text), term);
        }
        for text in ["", "0d", "-1d", "policy", "always"] {
            assert!(text.parse::<Term>().is_err(), "{text}");
        }
    }

    #[test]
    fn terms_beyond_the_calendar_are_never_due() {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        let due = |text: &str| text.parse::<Term>().expect(text).due(start);
        assert_eq!(due("9000y"), None);
        assert_eq!(due("never"), None);
        assert_eq!(
            due("1d"),
            Some("2026-11-23T10:00:00Z".parse().expect("a time"))
        );
    }
}
