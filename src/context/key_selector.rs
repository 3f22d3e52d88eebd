//! Selects keys by what they are instead of by their names: the flags, and which keys they match.

use clap::Args;
use jiff::Timestamp;

use super::{access_flags, label_flags};
use crate::arguments;
use crate::error::Error;
use crate::key::{EffectiveStatus, Key, Kind, Label, Labels, Owner, Period, Permission};
use crate::usage::Summary;

/// The heading of these flags in the help.
const HEADING: &str = "Selectors";

/// The flags that select keys by what they are.
#[derive(Args, Clone, Debug, Default)]
pub struct KeyProperties {
    /// Keys with these labels, as in env=prod,team=shop
    #[arg(help_heading = HEADING, id = "select_label", long = "label", value_name = "NAME=VALUE")]
    #[arg(value_delimiter = ',', add = label_flags::labels())]
    label: Vec<Label>,
    /// Keys of this owner
    #[arg(help_heading = HEADING, id = "select_owner", long = "owner", value_name = "TEXT")]
    #[arg(add = label_flags::owners())]
    owner: Option<Owner>,
    /// Keys of this kind
    #[arg(help_heading = HEADING, id = "select_kind", long = "kind", value_name = "KIND")]
    #[arg(value_parser = arguments::one_of::<Kind>())]
    kind: Option<Kind>,
    /// Keys with this effective status; active includes rotating
    #[arg(help_heading = HEADING, id = "select_status", long = "status", value_name = "STATUS")]
    #[arg(value_parser = arguments::one_of::<EffectiveStatus>())]
    status: Option<EffectiveStatus>,
    /// API keys with this permission
    #[arg(help_heading = HEADING, id = "select_permission", long = "permission")]
    #[arg(value_name = "PERMISSION", add = access_flags::permissions())]
    pub permission: Option<Permission>,
}

/// The same, and by time.
#[derive(Args, Clone, Debug, Default)]
pub struct KeySelector {
    #[command(flatten)]
    pub properties: KeyProperties,
    /// Keys unused for this long, as in 90d; if never used, since they were created
    #[arg(help_heading = HEADING, id = "select_unused", long = "unused", value_name = "SPAN")]
    unused: Option<Period>,
    /// Keys that expire within this time, as in 14d
    #[arg(help_heading = HEADING, id = "select_expiring", long = "expiring", value_name = "SPAN")]
    expiring: Option<Period>,
}

/// What keys must be to be selected, at a time; all of it must match.
#[derive(Clone, Debug)]
pub struct KeyFilter {
    labels: Labels,
    properties: KeyProperties,
    now: Timestamp,
    expires_until: Option<Timestamp>,
    unused_since: Option<Timestamp>,
}

impl From<KeyProperties> for KeySelector {
    fn from(properties: KeyProperties) -> Self {
        Self {
            properties,
            ..Self::default()
        }
    }
}

impl KeyProperties {
    /// Whether they select a group of keys by its name, which may be misspelt.
    pub fn name_a_group(&self) -> bool {
        let has_name = !self.label.is_empty() || self.owner.is_some();
        has_name && self.status.is_none()
    }
}

impl KeySelector {
    /// The first of these flags that was given.
    pub fn given(&self) -> Option<&'static str> {
        let properties = &self.properties;
        let flags = [
            ("--label", !properties.label.is_empty()),
            ("--owner", properties.owner.is_some()),
            ("--kind", properties.kind.is_some()),
            ("--status", properties.status.is_some()),
            ("--permission", properties.permission.is_some()),
            ("--unused", self.unused.is_some()),
            ("--expiring", self.expiring.is_some()),
        ];
        flags
            .into_iter()
            .find_map(|(flag, is_given)| is_given.then_some(flag))
    }

    /// The spans that only have minutes: months may be meant.
    pub fn minutes(&self) -> [Option<Period>; 2] {
        [
            self.unused_minutes(),
            self.expiring.and_then(Period::minutes),
        ]
    }

    /// The span of `--unused`, if it only has minutes.
    pub fn unused_minutes(&self) -> Option<Period> {
        self.unused.and_then(Period::minutes)
    }

    /// Whether decoys are asked for: a command that changes keys leaves them out otherwise.
    pub fn is_for_decoys(&self) -> bool {
        self.properties.status == Some(EffectiveStatus::Decoy)
    }

    /// Renames the flags where they would be taken for what a command sets: `--where-label`.
    pub fn behind_where(argument: clap::Arg) -> clap::Arg {
        let flag = match argument.get_id().as_str() {
            "select_label" => "where-label",
            "select_owner" => "where-owner",
            "select_kind" => "where-kind",
            "select_status" => "where-status",
            "select_permission" => "where-permission",
            "select_unused" => "where-unused",
            "select_expiring" => "where-expiring",
            _ => return argument,
        };
        argument.long(flag)
    }

    /// Which keys match at `now`.
    ///
    /// # Errors
    /// If two labels have one name, or a span leaves the calendar.
    pub fn filter(&self, now: Timestamp) -> Result<KeyFilter, Error> {
        Ok(KeyFilter {
            labels: Labels::of(self.properties.label.iter().cloned())?,
            properties: self.properties.clone(),
            now,
            expires_until: self.expiring.map(|span| span.after(now)).transpose()?,
            unused_since: self.unused.map(|span| span.before(now)).transpose()?,
        })
    }
}

impl KeyFilter {
    /// Whether a key matches, apart from its use.
    pub fn matches(&self, key: &Key) -> bool {
        let wanted = &self.properties;
        let status = key.effective_status(self.now);
        key.labels.include(&self.labels)
            && is_wanted(wanted.owner.as_ref(), key.owner.as_ref())
            && wanted.kind.is_none_or(|kind| key.kind() == kind)
            && wanted.status.is_none_or(|wanted| is_status(wanted, status))
            && is_wanted(wanted.permission.as_ref(), key.permission())
            && self
                .expires_until
                .is_none_or(|until| self.expires_by(key, until))
    }

    /// Whether the key was unused, and existed, for as long as was asked.
    pub fn matches_use(&self, key: &Key, summary: Option<Summary>) -> bool {
        let last_used_at = summary.and_then(|summary| summary.last_used_at);
        self.unused_since
            .is_none_or(|since| last_used_at.unwrap_or(key.created_at) <= since)
    }

    /// The time at which keys are selected.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Since when keys must be unused, if that was asked.
    pub fn unused_since(&self) -> Option<Timestamp> {
        self.unused_since
    }

    /// Whether the key has not expired, but will have by then.
    fn expires_by(&self, key: &Key, until: Timestamp) -> bool {
        !key.has_expired(self.now) && key.has_expired(until)
    }
}

/// Whether a key with this status is selected; one that is being rotated is active, too.
fn is_status(wanted: EffectiveStatus, found: EffectiveStatus) -> bool {
    let is_rotating = found == EffectiveStatus::Rotating;
    wanted == found || (wanted == EffectiveStatus::Active && is_rotating)
}

/// Whether nothing is wanted, or what was found.
fn is_wanted<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
    wanted.is_none() || wanted == found
}

#[cfg(test)]
mod tests {
    use clap::{FromArgMatches, error::Result};
    use proptest::prelude::*;

    use super::*;
    use crate::key::{Access, Limit, Senders, Status, Tail};

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn moment(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn read(flags: &str) -> Result<KeySelector> {
        let command = KeySelector::augment_args(clap::Command::new("x"));
        let words = ["x"].into_iter().chain(flags.split_whitespace());
        KeySelector::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    /// A key whose properties are written like the flags that select it.
    fn key(kind: Kind, labels: &str, owner: &str, expires: &str) -> Key {
        let access = match kind {
            Kind::Smtp => Access::Smtp {
                username: "shop_prod".parse().expect("a username"),
                senders: Senders::default(),
                limit: Limit::None,
            },
            Kind::Api => Access::Api {
                permission: "read-only".parse().expect("a permission"),
                limit: Limit::None,
            },
        };
        let tail: Tail = "0123456789abcdef".parse().expect("a tail");
        let name = "web".parse().expect("a name");
        Key {
            labels: labels.parse().unwrap_or_default(),
            owner: owner.parse().ok(),
            expires_at: expires.parse().ok(),
            ..Key::new(name, access, tail, moment("2026-08-01T00:00:00Z"))
        }
    }

    fn summary(last_used_at: &str) -> Option<Summary> {
        let last_used_at = last_used_at.parse().ok();
        Some(Summary {
            last_used_at,
            ..Summary::default()
        })
    }

    #[test]
    fn a_key_is_selected_if_all_of_it_matches() {
        let web = key(
            Kind::Api,
            "env=prod,team=shop",
            "ada",
            "2026-12-01T00:00:00Z",
        );
        for (flags, is_selected) in [
            ("", true),
            ("--label env=prod", true),
            ("--label team=shop,env=prod", true),
            ("--label env=prod --label team=shop", true),
            ("--label ENV=prod", true),
            ("--label env=test", false),
            ("--label env=prod,tier=1", false),
            ("--owner ada", true),
            ("--owner Ada", false),
            ("--kind api", true),
            ("--kind smtp", false),
            ("--status active", true),
            ("--status inactive", false),
            ("--permission read-only", true),
            ("--permission full", false),
            ("--expiring 14d", true),
            ("--expiring 3d", false),
            (
                "--label env=prod --owner ada --kind api --status active",
                true,
            ),
            (
                "--label env=prod --owner ada --kind api --status expired",
                false,
            ),
        ] {
            let filter = read(flags).expect(flags).filter(moment(NOW));
            let found = filter.expect(flags).matches(&web);
            assert_eq!(found, is_selected, "{flags}");
        }
        let mail = key(Kind::Smtp, "", "", "");
        for flags in [
            "--label env=prod",
            "--owner ada",
            "--permission full",
            "--expiring 9y",
        ] {
            let filter = read(flags).expect(flags).filter(moment(NOW));
            assert!(!filter.expect(flags).matches(&mail), "{flags}");
        }
    }

    #[test]
    fn a_key_is_unused_since_its_last_use_or_its_creation() {
        let web = key(Kind::Api, "", "", "");
        let filter = read("--unused 90d").expect("flags").filter(moment(NOW));
        let filter = filter.expect("a time");
        for (used, is_selected) in [
            (None, true),
            (summary(""), true),
            (summary("2026-08-24T10:00:00Z"), true),
            (summary("2026-08-24T10:00:01Z"), false),
        ] {
            assert_eq!(filter.matches_use(&web, used), is_selected, "{used:?}");
        }
        let young = Key {
            created_at: moment("2026-09-01T00:00:00Z"),
            ..web
        };
        assert!(!filter.matches_use(&young, None));
    }

    #[test]
    fn a_key_that_is_being_rotated_is_active() {
        use EffectiveStatus::{Active, Decoy, Expired, Inactive, Rotating};
        for (wanted, found) in [
            (Active, vec![Active, Rotating]),
            (Rotating, vec![Rotating]),
            (Inactive, vec![Inactive]),
            (Expired, vec![Expired]),
            (Decoy, vec![Decoy]),
        ] {
            let all = [Active, Rotating, Inactive, Expired, Decoy];
            let selected = all.into_iter().filter(|&status| is_status(wanted, status));
            assert_eq!(selected.collect::<Vec<_>>(), found, "{wanted:?}");
        }
    }

    #[test]
    fn flags_that_contradict_themselves_select_nothing() {
        let twice = read("--label env=prod,env=test").expect("flags");
        assert!(twice.filter(moment(NOW)).is_err());
        for flags in ["--label env", "--kind ap", "--status off", "--unused soon"] {
            assert!(read(flags).is_err(), "{flags}");
        }
        assert_eq!(read("").expect("none").given(), None);
        assert_eq!(read("--unused 1d").expect("one").given(), Some("--unused"));
    }

    proptest! {
        #[test]
        fn more_flags_never_select_more(
            flags in prop::collection::vec(prop::sample::select(vec![
                "--label env=prod", "--label team=shop", "--label tier=1",
                "--owner ada", "--owner bob", "--kind api", "--kind smtp", "--status active",
                "--status inactive", "--permission read-only", "--expiring 30d",
            ]), 0..4),
            labels in prop::sample::subsequence(vec!["env=prod", "team=shop", "tier=1"], 0..=3),
            owner in prop::sample::select(vec!["", "ada", "bob"]),
            is_smtp: bool,
            is_inactive: bool,
            expires in prop::sample::select(vec!["", "2026-12-01T00:00:00Z", "2026-11-01T00:00:00Z"]),
        ) {
            let kind = if is_smtp { Kind::Smtp } else { Kind::Api };
            let mut web = key(kind, &labels.join(","), owner, expires);
            if is_inactive {
                web.status = Status::Inactive;
            }
            let matches = |flags: &str| {
                let selector = read(flags).ok()?;
                Some(selector.filter(moment(NOW)).ok()?.matches(&web))
            };
            // clap takes each flag but --label only once.
            if let Some(all) = matches(&flags.join(" ")) {
                let each = flags.iter().all(|flag| matches(flag) == Some(true));
                prop_assert_eq!(all, each, "{:?}", flags);
            }
        }
    }
}
