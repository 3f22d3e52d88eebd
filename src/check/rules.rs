//! Which rules count for a key: the command line's, then its own, then the settings'.

use strum::IntoStaticStr;

use crate::key::{KeyPolicy, Term};
use crate::settings::Policy;

/// What the command line says, where it says anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuleOverrides {
    /// How old a secret may become.
    pub rotate_every: Option<Term>,
    /// For how long a key may go unused.
    pub unused: Option<Term>,
    /// How long before its expiry a key is mentioned.
    pub expiring: Option<Term>,
}

/// Who made a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum RuleSource {
    /// The key has it of its own.
    Key,
    /// The settings say so.
    Settings,
    /// Nobody said otherwise.
    Default,
}

/// A rule, and who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckRule {
    /// How long something may last.
    pub term: Term,
    /// Who made it; one of the command line counts as the settings'.
    pub origin: RuleSource,
}

/// The rules that count for a key.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How old its secret may become.
    pub rotate_every: CheckRule,
    /// For how long it may go unused.
    pub unused: CheckRule,
    /// How long before its expiry it is mentioned.
    pub expiring: Term,
}

impl Rules {
    /// The rules for a key that has these of its own.
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
        }
    }
}

fn rule(given: Option<Term>, own: Option<Term>, policy: Term, is_set: bool) -> CheckRule {
    let (term, origin) = match (given, own) {
        (Some(term), _) => (term, RuleSource::Settings),
        (None, Some(term)) => (term, RuleSource::Key),
        (None, None) if is_set => (policy, RuleSource::Settings),
        (None, None) => (policy, RuleSource::Default),
    };
    CheckRule { term, origin }
}
