//! The policy that applies to a key: from the command line, else its own, else the settings.

use jiff::{SignedDuration, Timestamp};
use strum::IntoStaticStr;

use crate::key::{AfterCommand, Grace, KeyPolicy, Period, Term};
use crate::settings::Policy;

/// The limits given on the command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuleOverrides {
    /// How old a secret may become.
    pub rotate_every: Option<Term>,
    /// For how long a key may go unused.
    pub unused: Option<Term>,
    /// How long before its expiry a key is reported.
    pub expiring: Option<Term>,
}

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum RuleSource {
    /// It is set for this key.
    Key,
    /// It is set in the settings.
    Settings,
    /// It is the default.
    Default,
}

/// A rule and its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckRule<T = Term> {
    /// The limit.
    pub term: T,
    /// Its source; the command line counts as the settings.
    pub origin: RuleSource,
}

/// The rules that apply to a key.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How old its secret may become.
    pub rotate_every: CheckRule,
    /// How long it may go unused.
    pub unused: CheckRule,
    /// How long before its expiry it is reported.
    pub expiring: Term,
    /// How long it may live.
    pub max_lifetime: Term,
    /// Whether it must expire.
    pub requires_expiry: bool,
    /// Whether it must have a limit.
    pub requires_limit: bool,
    /// How long an automatic rotation may take before it must end.
    pub grace: CheckRule<Grace>,
    /// How long its old secret must be unused before an automatic rotation retires it.
    pub settle: CheckRule<Period>,
    /// What runs after its new secret was delivered.
    pub after: Option<AfterCommand>,
}

impl Rules {
    /// The rules for a key with this policy of its own.
    pub fn new(given: &RuleOverrides, own: &KeyPolicy, policy: &Policy) -> Self {
        Self {
            rotate_every: rule(
                given.rotate_every,
                own.rotate_every,
                policy.rotate_every,
                policy.has_rotate_every,
            ),
            unused: rule(given.unused, own.unused, policy.unused, policy.has_unused),
            expiring: given.expiring.unwrap_or(policy.expiring),
            max_lifetime: policy.max_lifetime,
            requires_expiry: policy.requires_expiry,
            requires_limit: policy.requires_limit,
            grace: rule(None, own.grace, policy.grace, policy.has_grace),
            settle: rule(None, own.settle, policy.settle, policy.has_settle),
            after: own.after.clone(),
        }
    }

    /// How long an old secret must be unused, with days of 24 hours.
    pub fn settle_length(&self) -> SignedDuration {
        let start = Timestamp::UNIX_EPOCH;
        let end = self.settle.term.after(start).unwrap_or(Timestamp::MAX);
        end.duration_since(start)
    }
}

fn rule<T>(given: Option<T>, own: Option<T>, policy: T, is_set: bool) -> CheckRule<T> {
    let (term, origin) = match (given, own) {
        (Some(term), _) => (term, RuleSource::Settings),
        (None, Some(term)) => (term, RuleSource::Key),
        (None, None) if is_set => (policy, RuleSource::Settings),
        (None, None) => (policy, RuleSource::Default),
    };
    CheckRule { term, origin }
}
