//! What a permission would have done with the recorded requests of a key.

use std::cmp::Reverse;

use crate::key::{Permission, Rule};
use crate::settings::Permissions;
use crate::usage::{RecentRequests, RecordedRequests};

/// What a permission would have done with the recent requests of a key.
#[derive(Debug)]
pub struct PermissionTrial<'a> {
    /// All that were accepted.
    pub accepted: u64,
    /// Those that it would have refused, the most frequent kind first.
    pub refused: Vec<&'a RecordedRequests>,
    /// How many these are.
    pub refused_count: u64,
    /// How many were recorded without method and path.
    pub unrecorded: u64,
    /// How many it may have refused or not: they were recorded before it was defined as now.
    pub undecided: u64,
}

impl<'a> PermissionTrial<'a> {
    /// Tries a permission, as it is defined now.
    pub fn of(
        requests: &'a RecentRequests,
        permission: &Permission,
        permissions: &Permissions,
    ) -> Self {
        let rules: Vec<&Rule> = permissions.rules(permission.as_str()).collect();
        let (mut refused, mut recorded, mut undecided) = (Vec::new(), 0, 0);
        for kind in &requests.recorded {
            recorded += kind.count;
            match would_allow(&rules, kind) {
                Some(true) => {}
                Some(false) => refused.push(kind),
                None => undecided += kind.count,
            }
        }
        refused.sort_by_key(|kind| (Reverse(kind.count), Reverse(kind.last_at)));
        Self {
            accepted: requests.accepted.max(recorded),
            refused_count: refused.iter().map(|kind| kind.count).sum(),
            refused,
            unrecorded: requests.accepted.saturating_sub(recorded),
            undecided,
        }
    }

    /// Whether it would have allowed every request, as far as there were any.
    pub fn allows_all(&self) -> bool {
        let is_known = self.unrecorded == 0 && self.undecided == 0;
        self.accepted > 0 && self.refused.is_empty() && is_known
    }

    /// The last request that it would have refused.
    pub fn last_refused(&self) -> Option<&'a RecordedRequests> {
        self.refused.iter().copied().max_by_key(|kind| kind.last_at)
    }
}

/// Whether these rules would have allowed requests; `None` if the record does not tell, since it
/// has no paths and the rules are newer.
fn would_allow(rules: &[&Rule], kind: &RecordedRequests) -> Option<bool> {
    let is_covered = |rule: &Rule| {
        let mut rules = rules.iter().filter(|own| own.allows_method(&kind.method));
        rules.any(|own| own.includes_path(rule))
    };
    if kind.rule.as_ref().is_some_and(is_covered) {
        return Some(true);
    }
    let then = kind.permissions.as_deref()?;
    let rules_of = |name: &str| then.rules(name).collect::<Vec<_>>();
    // All of what allowed them then is allowed now.
    let is_kept = |name: &String| {
        let all = rules_of(name);
        let is_included = |rule: &&Rule| rules.iter().any(|own| own.includes(rule));
        !all.is_empty() && all.iter().all(is_included)
    };
    if kind.allowed_by.iter().any(is_kept) {
        return Some(true);
    }
    // None of what is allowed now was allowed by what refused them then.
    let is_refusing = |name: &&str| !kind.allowed_by.iter().any(|own| own == name);
    let refused_by: Vec<&Rule> = then
        .names()
        .filter(is_refusing)
        .flat_map(rules_of)
        .collect();
    let is_refused = |own: &&Rule| {
        !own.allows_method(&kind.method) || refused_by.iter().any(|rule| rule.includes(own))
    };
    rules.iter().all(is_refused).then_some(false)
}
