//! Finds keys with more permission than they use.

use jiff::Timestamp;

use super::{Finding, PermissionTrial};
use crate::key::{Key, Permission, Status};
use crate::settings::Permissions;
use crate::usage::{RecentRequests, first_request_day};

/// The finding that a narrower permission would have allowed everything that an API key was used
/// for. Only if it had its permission on all of the last days, all of its use was recorded, as is
/// so `since` then, all of that is known, and none was refused for lack of permission: then its
/// permission may just have been widened.
pub fn excess_permission(
    key: &Key,
    requests: &RecentRequests,
    since: Timestamp,
    permissions: &Permissions,
    now: Timestamp,
) -> Option<Finding> {
    let has = key.permission().filter(|_| !key.is_decoy)?;
    let is_active = key.status == Status::Active && !key.has_expired(now);
    if !is_active || since > first_request_day(now) || requests.refused > 0 {
        return None;
    }
    let is_enough =
        |enough: &&Permission| PermissionTrial::of(requests, enough, permissions).allows_all();
    let enough = permissions.narrower(has).into_iter().find(is_enough)?;
    Some(Finding::ExcessPermission {
        has: has.clone(),
        enough: enough.clone(),
        count: requests.accepted(),
        last_at: requests.recorded.iter().map(|kind| kind.last_at).max()?,
    })
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::key::{Access, Limit};
    use crate::usage::{RecordedRequests, RequestKind};

    const DAY: i64 = 86_400;
    const NOW: i64 = 20_000 * DAY + 43_200;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn key(permission: &str) -> Key {
        let access = Access::Api {
            permission: permission.parse().expect("a permission"),
            limit: Limit::None,
        };
        let tail = "a".repeat(16).parse().expect("a tail");
        Key::new("ci".parse().expect("a name"), access, tail, at(0))
    }

    /// The use by these requests: `GET /v3/contacts`
    fn requests(all: &[&str], permissions: &Permissions) -> RecentRequests {
        let recorded = all.iter().map(|request| {
            let (method, target) = request.split_once(' ').expect("a request");
            let matched = permissions.matching(method, target).expect("it is allowed");
            RecordedRequests {
                kind: RequestKind::of(&matched),
                permissions: Some(Rc::new(permissions.clone())),
                count: 10,
                last_at: at(NOW - DAY),
                address: None,
            }
        });
        RecentRequests {
            recorded: recorded.collect(),
            refused: 0,
        }
    }

    fn enough(key: &Key, used: &RecentRequests, since: i64) -> Option<String> {
        let permissions = Permissions::default();
        match excess_permission(key, used, at(since), &permissions, at(NOW))? {
            Finding::ExcessPermission { enough, .. } => Some(enough.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_narrowest_permission_that_allows_all_requests_is_suggested() {
        let permissions = Permissions::default();
        for (has, all, suggested) in [
            ("full", &["GET /v3/contacts"][..], Some("read-only")),
            (
                "full",
                &["GET /v3/contacts", "PUT /v3/contacts/7"],
                Some("contacts"),
            ),
            ("full", &["POST /v3/smtp/email"], Some("send-only")),
            ("full", &["POST /v3/smtp/email", "GET /v3/smtp/email"], None),
            ("full", &["DELETE /x"], None),
            ("full", &[], None),
            ("read-only", &["GET /v3/contacts"], None),
            ("contacts", &["GET /v3/contacts"], None),
        ] {
            let used = requests(all, &permissions);
            let found = enough(&key(has), &used, NOW - 90 * DAY);
            assert_eq!(found.as_deref(), suggested, "{has} {all:?}");
        }
    }

    #[test]
    fn nothing_is_suggested_unless_all_use_of_30_days_is_known() {
        let permissions = Permissions::default();
        let used = || requests(&["GET /x"], &permissions);
        for (days, is_found) in [(90, true), (30, true), (29, false), (0, false)] {
            let found = enough(&key("full"), &used(), NOW - days * DAY);
            assert_eq!(found.is_some(), is_found, "{days}");
        }
        let mut with_unknown = used();
        with_unknown.recorded.push(RecordedRequests {
            kind: RequestKind::default(),
            ..with_unknown.recorded[0].clone()
        });
        let with_refused = RecentRequests {
            refused: 1,
            ..used()
        };
        for used in [with_unknown, with_refused] {
            assert_eq!(enough(&key("full"), &used, 0), None, "{used:?}");
        }
        let mut unreadable = used();
        unreadable.recorded[0].permissions = None;
        assert_eq!(
            enough(&key("full"), &unreadable, 0).as_deref(),
            Some("read-only")
        );
        let inactive = Key {
            status: Status::Inactive,
            ..key("full")
        };
        let expired = Key {
            expires_at: Some(at(NOW)),
            ..key("full")
        };
        let decoy = Key {
            is_decoy: true,
            ..key("full")
        };
        for key in [inactive, expired, decoy] {
            assert_eq!(enough(&key, &used(), 0), None, "{key:?}");
        }
    }
}
