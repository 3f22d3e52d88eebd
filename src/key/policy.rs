//! How long something about a key may last before it needs attention.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{AfterCommand, Grace, Invalid, Period};

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
                .with_hint("write `30d`, `12w` or `never`")
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPolicy {
    /// How old its secret may become.
    pub rotate_every: Option<Term>,
    /// How long it may go unused.
    pub unused: Option<Term>,
    /// How long an automatic rotation may take before it must end.
    pub grace: Option<Grace>,
    /// How long an old secret must be unused before an automatic rotation retires it.
    pub settle: Option<Period>,
    /// What runs after a new secret was delivered.
    pub after: Option<AfterCommand>,
}

/// What to change of a key's own policy: `None` is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// How old its secret may become.
    pub rotate_every: Option<PolicyValue<Term>>,
    /// How long it may go unused.
    pub unused: Option<PolicyValue<Term>>,
    /// How long an automatic rotation may take.
    pub grace: Option<PolicyValue<Grace>>,
    /// How long an old secret must be unused.
    pub settle: Option<PolicyValue<Period>>,
    /// What runs after a delivery; `Some(None)` for nothing.
    pub after: Option<Option<AfterCommand>>,
}

impl KeyPolicy {
    /// The policy after a change.
    pub fn changed(&self, change: &PolicyChange) -> Self {
        Self {
            rotate_every: own(change.rotate_every, self.rotate_every),
            unused: own(change.unused, self.unused),
            grace: own(change.grace, self.grace),
            settle: own(change.settle, self.settle),
            after: change.after.as_ref().unwrap_or(&self.after).clone(),
        }
    }
}

fn own<T>(change: Option<PolicyValue<T>>, before: Option<T>) -> Option<T> {
    change.map_or(before, |PolicyValue(own)| own)
}

/// A key's own value, or `None` for the settings': `30d`, or `policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyValue<T>(pub Option<T>);

impl<T: FromStr<Err = Invalid>> FromStr for PolicyValue<T> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "policy" {
            return Ok(Self(None));
        }
        text.parse()
            .map(|own| Self(Some(own)))
            .map_err(|error: Invalid| {
                let hint = error.hint().unwrap_or_default();
                let hint = format!("{hint}; `policy` is what the settings say");
                error.with_hint(hint)
            })
    }
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
    fn only_what_is_given_changes() {
        let value = |text: &str| Some(text.parse().expect(text));
        let before = KeyPolicy {
            rotate_every: Some("30d".parse().expect("a term")),
            grace: Some("48h".parse().expect("a grace period")),
            after: Some("reload".parse().expect("a command")),
            ..KeyPolicy::default()
        };
        assert_eq!(before.changed(&PolicyChange::default()), before);
        let change = PolicyChange {
            rotate_every: value("policy"),
            settle: Some("2h".parse().expect("a span")),
            after: Some(None),
            ..PolicyChange::default()
        };
        let after = KeyPolicy {
            rotate_every: None,
            settle: Some("2h".parse().expect("a span")),
            after: None,
            ..before.clone()
        };
        assert_eq!(before.changed(&change), after);
        let error = "soon".parse::<PolicyValue<Term>>().expect_err("no term");
        assert!(error.hint().expect("a hint").contains("`policy`"));
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
