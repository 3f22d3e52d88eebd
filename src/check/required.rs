//! What the settings require of every key.

use super::{Finding, Rules};
use crate::key::{Key, Limit, Term};

/// What an active key lacks.
pub(super) fn missing(key: &Key, rules: &Rules) -> [Option<Finding>; 2] {
    let made_at = key.created_at;
    let no_limit = rules.requires_limit && key.limit() == Limit::None;
    [
        lifetime(key, rules),
        no_limit.then_some(Finding::NoLimit { made_at }),
    ]
}

/// The finding that a key never expires, or lives longer than allowed.
fn lifetime(key: &Key, rules: &Rules) -> Option<Finding> {
    let made_at = key.created_at;
    let Some(at) = key.expires_at else {
        let requires_expiry = rules.requires_expiry || rules.max_lifetime != Term::Never;
        return requires_expiry.then_some(Finding::NoExpiry { made_at });
    };
    let latest_at = rules.max_lifetime.due(made_at)?;
    (at > latest_at).then_some(Finding::LongLived {
        made_at,
        latest_at,
        at,
    })
}
