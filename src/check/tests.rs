//! Each finding at its limit.

use jiff::SignedDuration;

use super::*;
use crate::key::{Access, KeyPolicy, Limit, Retiring};
use crate::settings::Policy;
use crate::usage::Network;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
const NEW: &str = "fedcba9876543210";
const OLD: &str = "0123456789abcdef";

/// This many seconds from now, which is ten in the morning.
fn at(seconds: i64) -> Timestamp {
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
    now + SignedDuration::from_secs(seconds)
}

fn tail(text: &str) -> Tail {
    text.parse().expect("a tail")
}

/// A key with its secrets, its use, and what the settings say.
struct Known {
    key: Key,
    secrets: Vec<SecretInfo>,
    used: Option<RecordedUse>,
    policy: Policy,
}

/// A key that was created this long ago, when recording had begun.
fn known(age: i64) -> Known {
    let access = Access::Api {
        permission: "full".parse().expect("a permission"),
        limit: Limit::None,
    };
    let name = "ci".parse().expect("a name");
    let term = |text: &str| text.parse().expect("a term");
    Known {
        key: Key::new(name, access, tail(NEW), at(-age)),
        secrets: vec![secret(NEW, -age, None)],
        used: Some(RecordedUse {
            since: at(-999 * DAY),
            last_used_at: None,
            recent: Recent::default(),
            secrets: Vec::new(),
            dead: RefusalSummary::default(),
            decoy: RefusalSummary::default(),
        }),
        policy: Policy {
            rotate_every: term("90d"),
            unused: term("45d"),
            has_rotate_every: false,
            has_unused: false,
            expiring: term("14d"),
            max_lifetime: Term::Never,
            requires_expiry: false,
            requires_limit: false,
            requires_least_permission: false,
            grace: "24h".parse().expect("a grace period"),
            settle: "1h".parse().expect("a span"),
            has_grace: false,
            has_settle: false,
        },
    }
}

fn secret(text: &str, created: i64, retires: Option<i64>) -> SecretInfo {
    SecretInfo {
        tail: tail(text),
        created_at: at(created),
        retires_at: retires.map(at),
        retired_at: None,
    }
}

/// A key that has been rotated this long ago, whose old secret retires then.
fn rotating(begun: i64, rest: i64) -> Known {
    let mut known = known(80 * DAY).used(0);
    known.key.retiring = Some(Box::new(Retiring {
        tail: tail(OLD),
        until: at(rest),
        retired_at: None,
    }));
    known.secrets = vec![
        secret(NEW, -begun, None),
        secret(OLD, -80 * DAY, Some(rest)),
    ];
    known
}

impl Known {
    fn used(mut self, ago: i64) -> Self {
        let used = self.used.as_mut().expect("use is recorded");
        used.last_used_at = Some(at(-ago));
        self
    }

    /// The secret was first and last used this long ago.
    fn secret_used(mut self, tail: &str, first: i64, last: i64) -> Self {
        let used = self.used.as_mut().expect("use is recorded");
        used.secrets.push(SecretUse {
            tail: tail.to_owned(),
            first_at: at(-first),
            last_at: at(-last),
        });
        self
    }

    fn unrecorded(mut self) -> Self {
        self.used = None;
        self
    }

    fn recorded_for(mut self, seconds: i64) -> Self {
        let used = self.used.as_mut().expect("use is recorded");
        used.since = at(-seconds);
        self
    }

    fn expires(mut self, seconds: i64) -> Self {
        self.key.expires_at = Some(at(seconds));
        self
    }

    fn inactive(mut self) -> Self {
        self.key.status = Status::Inactive;
        self
    }

    /// First used from these networks lately, when the first address had been known this long.
    fn networks(mut self, known_for: i64, networks: &[&str]) -> Self {
        let used = self.used.as_mut().expect("use is recorded");
        used.recent.first_address_at = Some(at(-known_for));
        let new = networks.iter().map(|network| Network {
            network: (*network).to_owned(),
            first_at: at(-HOUR),
        });
        used.recent.networks = new.collect();
        self
    }

    /// Its current secret was created this long ago.
    fn secret_aged(mut self, seconds: i64) -> Self {
        self.secrets[0].created_at = at(-seconds);
        self
    }

    fn policy(mut self, change: impl Fn(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    /// Each finding, and the command that fixes it.
    fn found(&self) -> Vec<String> {
        let facts = KeyFacts {
            rotation: None,
            key: &self.key,
            secrets: &self.secrets,
            used: self.used.clone(),
        };
        let rules = Rules::new(
            &RuleOverrides::default(),
            &KeyPolicy::default(),
            &self.policy,
        );
        let findings = facts.findings(&rules, at(0)).into_iter();
        let text = |found: Finding| {
            format!(
                "{}: {}",
                found.into_str(),
                found.fix_command(&self.key.name)
            )
        };
        findings.map(text).collect()
    }
}

fn expect(cases: impl IntoIterator<Item = (&'static str, Known, &'static [&'static str])>) {
    for (case, known, expected) in cases {
        assert_eq!(known.found(), expected, "{case}");
    }
}

#[test]
fn a_key_is_reported_two_weeks_before_it_expires() {
    expect([
        ("early", known(0).expires(14 * DAY + 1), &[][..]),
        (
            "two weeks before",
            known(0).expires(14 * DAY),
            &["expiring: set ci --expires 90d"],
        ),
        (
            "with another term",
            known(0)
                .expires(14 * DAY)
                .policy(|policy| policy.expiring = "13d".parse().expect("a term")),
            &[],
        ),
        (
            "with none",
            known(0)
                .expires(DAY)
                .policy(|policy| policy.expiring = Term::Never),
            &[],
        ),
    ]);
}

#[test]
fn an_expired_key_has_no_other_finding() {
    let over = || known(300 * DAY).expires(0);
    expect([
        ("unused", over(), &["expired: delete ci"][..]),
        ("used", over().used(DAY), &["expired: set ci --expires 90d"]),
        (
            "inactive",
            over().used(DAY).inactive(),
            &["expired: show ci"],
        ),
        ("unrecorded", over().unrecorded(), &["expired: show ci"]),
    ]);
}

#[test]
fn a_secret_is_due_when_it_is_as_old_as_it_may_become() {
    let used = |age: i64| known(age).used(0);
    expect([
        ("young", used(90 * DAY - 1), &[][..]),
        ("old", used(90 * DAY), &["rotation-due: rotate ci"]),
        (
            "the secret's age counts",
            used(300 * DAY).secret_aged(89 * DAY),
            &[],
        ),
        (
            "unless it expires first",
            used(95 * DAY).expires(-1).inactive(),
            &["expired: show ci"],
        ),
    ]);
}

#[test]
fn a_key_is_unused_when_its_last_use_or_its_creation_is_too_long_ago() {
    expect([
        ("lately", known(80 * DAY).used(45 * DAY - 1), &[][..]),
        (
            "too long ago",
            known(80 * DAY).used(45 * DAY),
            &["unused: deactivate ci"],
        ),
        ("new", known(45 * DAY - 1), &[]),
        ("never", known(45 * DAY), &["never-used: deactivate ci"]),
        ("unrecorded", known(80 * DAY).unrecorded(), &[]),
        (
            "recorded lately",
            known(80 * DAY).recorded_for(44 * DAY),
            &[],
        ),
        (
            "recorded for long",
            known(80 * DAY).recorded_for(45 * DAY),
            &["never-used: deactivate ci"],
        ),
    ]);
}

#[test]
fn an_inactive_key_has_no_finding_but_that_it_expired() {
    let old = || known(300 * DAY).expires(DAY);
    assert_eq!(old().found().len(), 3);
    assert_eq!(old().inactive().found(), [""; 0]);
}

#[test]
fn an_open_rotation_is_reported_by_who_uses_which_secret() {
    let open = || rotating(3 * HOUR, 2 * HOUR);
    expect([
        ("retired", rotating(HOUR, 0), &[][..]),
        ("no use", open(), &["new-secret-unused: show ci"]),
        (
            "old one before",
            open().secret_used(OLD, DAY, 4 * HOUR),
            &["new-secret-unused: show ci"],
        ),
        (
            "old one since",
            open().secret_used(OLD, DAY, 5 * MINUTE),
            &["old-secret-used: show ci"],
        ),
        (
            "both",
            open()
                .secret_used(OLD, DAY, 5 * MINUTE)
                .secret_used(NEW, HOUR, 0),
            &["old-secret-used: show ci"],
        ),
        (
            "new one only",
            open().secret_used(NEW, 2 * HOUR, 0),
            &["rotation-unfinished: rotate --finish ci"],
        ),
        (
            "old one until the new one",
            open()
                .secret_used(OLD, DAY, 2 * HOUR + MINUTE)
                .secret_used(NEW, 2 * HOUR, 0),
            &["rotation-unfinished: rotate --finish ci"],
        ),
        (
            "unrecorded",
            open().unrecorded(),
            &["rotation-open: show ci"],
        ),
        ("inactive", open().inactive(), &[]),
        (
            "as old as its new secret",
            open().secret_aged(90 * DAY),
            &["new-secret-unused: show ci", "rotation-due: show ci"],
        ),
    ]);
}

#[test]
fn a_network_is_new_to_a_key_whose_others_are_known_for_a_week() {
    let used = |known_for: i64| known(DAY).used(0).networks(known_for, &["198.51.100.0/24"]);
    let none = known(DAY).used(0).networks(30 * DAY, &[]);
    expect([
        ("none", none, &[][..]),
        ("known for days", used(7 * DAY - 1), &[]),
        ("known for a week", used(7 * DAY), &["new-network: show ci"]),
    ]);
}

#[test]
fn the_settings_can_require_an_expiry_and_a_limit() {
    let term = |text: &str| text.parse::<Term>().expect("a term");
    let expiry = |policy: &mut Policy| policy.requires_expiry = true;
    let lifetime = |policy: &mut Policy| policy.max_lifetime = term("90d");
    let limit = |policy: &mut Policy| policy.requires_limit = true;
    let aged = || known(30 * DAY).used(0);
    let mut limited = aged().policy(limit);
    limited.key.access = Access::Api {
        permission: "full".parse().expect("a permission"),
        limit: "5/hour".parse().expect("a limit"),
    };
    let no_expiry: &[&str] = &["no-expiry: set ci --expires 90d"];
    expect([
        ("not required", aged(), &[][..]),
        ("an expiry", aged().policy(expiry), no_expiry),
        ("has one", aged().expires(900 * DAY).policy(expiry), &[]),
        ("a lifetime", aged().policy(lifetime), no_expiry),
        (
            "longer",
            aged().expires(60 * DAY + 1).policy(lifetime),
            &["long-lived: show ci"],
        ),
        ("as long", aged().expires(60 * DAY).policy(lifetime), &[]),
        ("a limit", aged().policy(limit), &["no-limit: show ci"]),
        ("has a limit", limited, &[]),
        ("inactive", aged().policy(expiry).inactive(), &[]),
    ]);
}
