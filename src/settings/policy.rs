//! The policy: when keys need attention, unless a key has its own.

use super::file::PolicyFile;
use crate::key::Term;

/// When keys need attention.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How old a secret may become.
    pub rotate_every: Term,
    /// For how long a key may go unused.
    pub unused: Term,
    /// Whether that is in the settings.
    pub has_rotate_every: bool,
    /// Whether that is in the settings.
    pub has_unused: bool,
    /// How long before its expiry a key is reported.
    pub expiring: Term,
    /// How long a key may live.
    pub max_lifetime: Term,
    /// Whether keys must expire.
    pub requires_expiry: bool,
    /// Whether keys must have a limit.
    pub requires_limit: bool,
}

impl Policy {
    /// The file's values, with defaults.
    pub(super) fn of(file: &PolicyFile) -> Self {
        Self {
            rotate_every: file.rotate_every.unwrap_or(days("90d")),
            unused: file.unused.unwrap_or(days("45d")),
            has_rotate_every: file.rotate_every.is_some(),
            has_unused: file.unused.is_some(),
            expiring: file.expiring.unwrap_or(days("14d")),
            max_lifetime: file.max_lifetime.unwrap_or(Term::Never),
            requires_expiry: file.require_expiry.unwrap_or_default(),
            requires_limit: file.require_limit.unwrap_or_default(),
        }
    }
}

fn days(text: &str) -> Term {
    text.parse().expect("the built-in times are times")
}
