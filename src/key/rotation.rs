//! Rotation: a key has a new secret, and its old one stays valid for a grace period.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::{Invalid, Key, Period, Retiring, Tail};

/// The maximum grace period, in seconds: a year.
const MAX_GRACE: i64 = 365 * 24 * 60 * 60;

/// The grace period of an old secret: at least a second, at most a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace(Period);

impl Grace {
    /// Its length, in whole seconds.
    fn seconds(self) -> i64 {
        let seconds = self.0.length().map(|length| length.as_secs());
        seconds
            .and_then(|seconds| seconds.try_into().ok())
            .unwrap_or_default()
    }

    /// The same, as a duration.
    pub fn length(self) -> SignedDuration {
        SignedDuration::from_secs(self.seconds())
    }

    /// The maximum.
    pub fn longest() -> Self {
        "365d".parse().expect("a year is allowed")
    }

    /// When it ends, from `now`.
    fn after(self, now: Timestamp) -> Timestamp {
        // In whole seconds, as stored.
        let end = now.as_second().saturating_add(self.seconds());
        let end = end.min(Timestamp::MAX.as_second());
        Timestamp::from_second(end).unwrap_or(now)
    }
}

impl fmt::Display for Grace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Grace {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let grace = text.parse().ok().map(Self);
        grace
            .filter(|grace| (1..=MAX_GRACE).contains(&grace.seconds()))
            .ok_or_else(|| {
                Invalid::new(
                    "a grace period",
                    text,
                    "a grace period is 1 second to 365 days",
                )
                .with_hint("write `48h` or `7d`; `postkey regenerate` ends the old secret at once")
            })
    }
}

impl Key {
    /// The old secret, if it is still valid at `now`.
    pub fn retiring_at(&self, now: Timestamp) -> Option<&Retiring> {
        self.retiring.as_deref().filter(|old| !old.is_over(now))
    }

    /// The old secret, if it is recorded as retired although its grace period has not ended at
    /// `now`: a clock was ahead.
    pub fn retired_early(&self, now: Timestamp) -> Option<&Retiring> {
        let retired = self.retiring.as_deref().filter(|old| old.is_over(now));
        retired.filter(|old| old.until > now)
    }

    /// The key as it is at `now`: without a retired secret, and without the record of when it
    /// expired.
    pub fn at(&self, now: Timestamp) -> Self {
        Self {
            retiring: self.retiring_at(now).cloned().map(Box::new),
            expired_at: self.has_expired(now).then_some(Timestamp::UNIX_EPOCH),
            ..self.clone()
        }
    }

    /// The key with a new secret and no old one.
    pub fn with_secret(&self, tail: Tail) -> Self {
        Self {
            tail,
            retiring: None,
            ..self.clone()
        }
    }

    /// The key with a new secret; the current one stays valid for the grace period from `now`, but
    /// not longer than the key.
    pub fn rotated(&self, tail: Tail, grace: Grace, now: Timestamp) -> Self {
        let old = Retiring {
            tail: self.tail.clone(),
            until: grace.after(now),
            retired_at: None,
        };
        Self {
            tail,
            retiring: Some(Box::new(old.by(self.expires_at))),
            ..self.clone()
        }
    }

    /// The key without its old secret.
    pub fn finished(&self) -> Self {
        self.with_secret(self.tail.clone())
    }

    /// The key with its old secret as the only one; `None` if it has none at `now`.
    pub fn rolled_back(&self, now: Timestamp) -> Option<Self> {
        let old = self.retiring_at(now)?;
        Some(self.with_secret(old.tail.clone()))
    }

    /// The key with a new expiry, which its old secret does not outlast; a recorded expiry no
    /// longer counts.
    pub fn expiring(&self, expires_at: Option<Timestamp>) -> Self {
        Self {
            expires_at,
            expired_at: None,
            retiring: self
                .retiring
                .clone()
                .map(|old| Box::new(old.by(expires_at))),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Access, EffectiveStatus, Limit, Status};

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn tail(letter: &str) -> Tail {
        letter.repeat(16).parse().expect("a tail")
    }

    fn key(expires_at: Option<&str>) -> Key {
        let access = Access::Api {
            permission: "full".parse().expect("a permission"),
            limit: Limit::None,
        };
        let (name, made) = ("ci".parse().expect("a name"), at("2026-11-01T00:00:00Z"));
        Key {
            expires_at: expires_at.map(at),
            ..Key::new(name, access, tail("a"), made)
        }
    }

    fn rotated(expires_at: Option<&str>) -> Key {
        let grace = "24h".parse().expect("a grace period");
        key(expires_at).rotated(tail("b"), grace, at("2026-11-22T10:00:00Z"))
    }

    #[test]
    fn grace_times_are_understood_and_others_refused() {
        for (text, seconds) in [
            ("48h", 172_800),
            ("2w", 1_209_600),
            ("365d", 31_536_000),
            ("1s", 1),
        ] {
            let grace = text.parse::<Grace>().expect(text);
            assert_eq!(grace.seconds(), seconds, "{text}");
        }
        for text in [
            "", "0s", "0", "999ms", "-1h", "366d", "1y", "soon", "never", "9999999h",
        ] {
            assert!(text.parse::<Grace>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_old_secret_works_until_the_grace_period_ends() {
        let key = rotated(None);
        let old = key.retiring.clone().expect("an old secret");
        assert_eq!((key.tail.clone(), old.tail), (tail("b"), tail("a")));
        assert_eq!(old.until, at("2026-11-23T10:00:00Z"));
        for (now, effective_status) in [
            ("2026-11-23T09:59:59Z", EffectiveStatus::Rotating),
            ("2026-11-23T10:00:00Z", EffectiveStatus::Active),
        ] {
            assert_eq!(key.effective_status(at(now)), effective_status, "{now}");
            let is_open = effective_status == EffectiveStatus::Rotating;
            assert_eq!(key.retiring_at(at(now)).is_some(), is_open, "{now}");
            assert_eq!(key.rolled_back(at(now)).is_some(), is_open, "{now}");
            assert_eq!(key.at(at(now)).retiring.is_some(), is_open, "{now}");
        }
    }

    #[test]
    fn an_old_secret_never_outlasts_its_key() {
        let until = |key: &Key| key.retiring.as_ref().map(|old| old.until);
        let noon = at("2026-11-22T12:00:00Z");
        assert_eq!(until(&rotated(Some("2026-11-22T12:00:00Z"))), Some(noon));
        let sooner = rotated(None).expiring(Some(noon));
        assert_eq!(until(&sooner), Some(noon));
        let later = sooner.expiring(None);
        assert_eq!((until(&later), later.expires_at), (Some(noon), None));
    }

    #[test]
    fn only_a_valid_key_is_rotating() {
        let now = at("2026-11-22T11:00:00Z");
        let stopped = Key {
            status: Status::Inactive,
            ..rotated(None)
        };
        assert_eq!(stopped.effective_status(now), EffectiveStatus::Inactive);
        assert!(stopped.retiring_at(now).is_some());
        let expired = rotated(Some("2026-11-22T10:30:00Z"));
        assert_eq!(expired.effective_status(now), EffectiveStatus::Expired);
        assert!(expired.retiring_at(now).is_none());
    }

    #[test]
    fn a_rotation_ends_with_the_one_secret_or_the_other() {
        let (key, now) = (rotated(None), at("2026-11-22T11:00:00Z"));
        let ended = |key: Key| (key.tail, key.retiring);
        assert_eq!(ended(key.finished()), (tail("b"), None));
        assert_eq!(key.rolled_back(now).map(ended), Some((tail("a"), None)));
        assert_eq!(ended(key.with_secret(tail("c"))), (tail("c"), None));
    }
}
