//! The policy: when keys need attention, unless a key has its own.

use std::str::FromStr;

use super::file::PolicyFile;
use crate::key::{Grace, Invalid, Period, Term};

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
    /// Whether API keys must not have more permission than they use.
    pub requires_least_permission: bool,
    /// How long an automatic rotation may take before it must end.
    pub grace: Grace,
    /// How long an old secret must be unused before an automatic rotation retires it.
    pub settle: Period,
    /// Whether that is in the settings.
    pub has_grace: bool,
    /// Whether that is in the settings.
    pub has_settle: bool,
}

impl Policy {
    /// The file's values, with defaults.
    pub(super) fn of(file: &PolicyFile) -> Self {
        Self {
            rotate_every: file.rotate_every.unwrap_or(built_in("90d")),
            unused: file.unused.unwrap_or(built_in("45d")),
            has_rotate_every: file.rotate_every.is_some(),
            has_unused: file.unused.is_some(),
            expiring: file.expiring.unwrap_or(built_in("14d")),
            max_lifetime: file.max_lifetime.unwrap_or(Term::Never),
            requires_expiry: file.require_expiry.unwrap_or_default(),
            requires_limit: file.require_limit.unwrap_or_default(),
            requires_least_permission: file.require_least_permission.unwrap_or_default(),
            grace: file.grace.unwrap_or(built_in("24h")),
            settle: file.settle.unwrap_or(built_in("1h")),
            has_grace: file.grace.is_some(),
            has_settle: file.settle.is_some(),
        }
    }
}

fn built_in<T: FromStr<Err = Invalid>>(text: &str) -> T {
    text.parse().expect("the built-in times are times")
}
