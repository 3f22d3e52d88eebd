//! Finds keys with more permission than they use.

use jiff::Timestamp;

use super::{Finding, PermissionTrial};
use crate::key::{Key, Permission, Status};
use crate::settings::Permissions;
use crate::usage::{REQUEST_DAYS, RecentRequests, day_of};

/// The finding that a narrower permission would have allowed everything that an API key was used
/// for. Only if use was recorded on all of the last days, `since` then, and all of it is known.
pub fn excess_permission(
    key: &Key,
    requests: &RecentRequests,
    since: Timestamp,
    permissions: &Permissions,
    now: Timestamp,
) -> Option<Finding> {
    let has = key.permission().filter(|_| !key.is_decoy)?;
    let is_active = key.status == Status::Active && !key.has_expired(now);
    let is_recorded = day_of(since) <= day_of(now).saturating_sub_unsigned(REQUEST_DAYS as u64);
    if !is_active || !is_recorded {
        return None;
    }
    let is_enough =
        |enough: &&Permission| PermissionTrial::of(requests, enough, permissions).allows_all();
    let enough = permissions.narrower(has).into_iter().find(is_enough)?;
    Some(Finding::ExcessPermission {
        has: has.clone(),
        enough: enough.clone(),
        count: requests.accepted,
        last_at: requests.recorded.iter().map(|kind| kind.last_at).max()?,
    })
}
