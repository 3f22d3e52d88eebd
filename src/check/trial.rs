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
    /// How many others were refused, since its permission was missing.
    pub denied: u64,
    /// Those that it would have refused, the most frequent kind first.
    pub refused: Vec<&'a RecordedRequests>,
    /// How many these are.
    pub refused_count: u64,
    /// How many have an unknown method and path.
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
        let (mut refused, mut unrecorded, mut undecided) = (Vec::new(), 0, 0);
        for requests in &requests.recorded {
            if requests.kind.is_unknown() {
                unrecorded += requests.count;
                continue;
            }
            match would_allow(&rules, requests) {
                Some(true) => {}
                Some(false) => refused.push(requests),
                None => undecided += requests.count,
            }
        }
        refused.sort_by_key(|kind| (Reverse(kind.count), Reverse(kind.last_at)));
        Self {
            accepted: requests.accepted(),
            denied: requests.refused,
            refused_count: refused.iter().map(|kind| kind.count).sum(),
            refused,
            unrecorded,
            undecided,
        }
    }

    /// Whether it would have allowed every request, as far as there were any.
    pub fn allows_all(&self) -> bool {
        self.accepted > 0 && self.refused.is_empty() && self.unknown() == 0
    }

    /// How many it may have refused or not.
    pub fn unknown(&self) -> u64 {
        self.unrecorded + self.undecided
    }

    /// The last request that it would have refused.
    pub fn last_refused(&self) -> Option<&'a RecordedRequests> {
        self.refused.iter().copied().max_by_key(|kind| kind.last_at)
    }
}

/// Whether these rules would have allowed requests; `None` if the record does not tell, since it
/// has no paths and the rules are newer.
fn would_allow(rules: &[&Rule], requests: &RecordedRequests) -> Option<bool> {
    let (kind, matched) = (&requests.kind, requests.kind.rule());
    let matched = matched.as_ref();
    let has_method = |own: &&&Rule| own.allows_method(kind.method());
    let is_covered = |rule: &Rule| {
        rules
            .iter()
            .filter(has_method)
            .any(|own| own.includes_path(rule))
    };
    if matched.is_some_and(is_covered) {
        return Some(true);
    }
    let then = requests.permissions.as_deref();
    let rules_of = |name: &str| -> Vec<&Rule> {
        let rules = then.into_iter().flat_map(|then| then.rules(name));
        rules.collect()
    };
    // All of what allowed them then is allowed now.
    let is_kept = |name: &str| {
        let all = rules_of(name);
        let is_included = |rule: &&Rule| rules.iter().any(|own| own.includes(rule));
        !all.is_empty() && all.iter().all(is_included)
    };
    if kind.allowed_by().any(is_kept) {
        return Some(true);
    }
    // All of what is allowed now is elsewhere, or was part of what refused them then.
    let is_refusing = |name: &&str| kind.allowed_by().all(|own| own != *name);
    let names = then.into_iter().flat_map(Permissions::names);
    let refused_by: Vec<&Rule> = names.filter(is_refusing).flat_map(rules_of).collect();
    let is_refused = |own: &&Rule| {
        own.excludes_method(kind.method())
            || matched.is_some_and(|rule| !own.shares_paths(rule))
            || refused_by.iter().any(|rule| rule.includes(own))
    };
    rules.iter().all(is_refused).then_some(false)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::usage::RequestKind;

    /// Permissions with those of the settings, as JSON.
    fn permissions(own: &str) -> Permissions {
        let built_in = Permissions::default().to_json();
        let all = match own {
            "" => built_in,
            own => format!("{},{own}}}", built_in.trim_end_matches('}')),
        };
        Permissions::from_json(&all).expect("permissions")
    }

    /// A recorded request: `GET /v3/contacts`
    fn recorded(request: &str, then: &Permissions) -> RecordedRequests {
        let (method, target) = request.split_once(' ').expect("a request");
        let matched = then.matching(method, target).expect("it is allowed");
        RecordedRequests {
            kind: RequestKind::of(&matched),
            permissions: Some(Rc::new(then.clone())),
            count: 1,
            last_at: jiff::Timestamp::UNIX_EPOCH,
            address: None,
        }
    }

    #[test]
    fn a_permission_is_tried_as_far_as_the_record_tells() {
        let reports = r#""reports":["GET /v3/reports/*","POST /v3/*/stats"]"#;
        for (then, now, permission, request, is_allowed) in [
            ("", "", "read-only", "GET /x", Some(true)),
            ("", "", "read-only", "POST /v3/contacts", Some(false)),
            ("", "", "contacts", "POST /v3/contacts", Some(true)),
            ("", "", "contacts", "DELETE /x", Some(false)),
            ("", "", "full", "DELETE /x", Some(true)),
            ("", "", "gone", "GET /x", Some(false)),
            ("", "", "read-only", "purge /x", Some(false)),
            // As it was defined then.
            (reports, reports, "reports", "GET /v3/reports/7", Some(true)),
            (reports, reports, "reports", "GET /v3/others/7", Some(false)),
            // It was not defined then.
            ("", reports, "reports", "GET /v3/reports/7", None),
            ("", reports, "reports", "GET /v3/contacts", Some(false)),
            ("", reports, "reports", "PUT /v3/reports/7", Some(false)),
            ("", reports, "reports", "POST /v3/smtp/stats", None),
            ("", r#""all":["* /*"]"#, "all", "GET /x", Some(true)),
            ("", r#""all":["* /*"]"#, "all", "DELETE /x", Some(true)),
            ("", r#""delete":["DELETE /x"]"#, "delete", "DELETE /x", None),
            // Its method was not told by its name then.
            ("", r#""purge":["PURGE /x"]"#, "purge", "PURGE /x", None),
            ("", r#""lock":["LOCK /x"]"#, "lock", "PURGE /x", None),
            ("", "", "contacts", "PURGE /v3/contacts", Some(true)),
            // It has changed.
            (
                reports,
                r#""reports":["* /v3/reports/*"]"#,
                "reports",
                "GET /v3/reports/7",
                Some(true),
            ),
            (
                reports,
                r#""reports":["GET /v3/reports/7"]"#,
                "reports",
                "GET /v3/reports/7",
                None,
            ),
            (
                reports,
                r#""reports":["GET /v3/reports/7/*"]"#,
                "reports",
                "GET /v3/contacts/7",
                Some(false),
            ),
            // It has another name.
            (
                reports,
                r#""figures":["GET /v3/reports/*"]"#,
                "figures",
                "GET /v3/reports/7",
                Some(true),
            ),
            (
                reports,
                r#""figures":["GET /v3/reports/7"]"#,
                "figures",
                "GET /v3/x",
                Some(false),
            ),
        ] {
            let kind = recorded(request, &permissions(then));
            let now = permissions(now);
            let rules: Vec<&Rule> = now.rules(permission).collect();
            let case = format!("{then} {permission} {request}");
            assert_eq!(would_allow(&rules, &kind), is_allowed, "{case}");
        }
    }

    #[test]
    fn a_definition_that_cannot_be_read_decides_nothing() {
        let now = permissions("");
        for (permission, request, is_allowed) in [
            ("read-only", "GET /x", Some(true)),
            ("contacts", "GET /x", None),
            ("send-only", "GET /x", Some(false)),
            ("contacts", "GET /v3/contacts", Some(true)),
        ] {
            let kind = RecordedRequests {
                permissions: None,
                ..recorded(request, &now)
            };
            let rules: Vec<&Rule> = now.rules(permission).collect();
            assert_eq!(would_allow(&rules, &kind), is_allowed, "{permission}");
        }
    }

    #[test]
    fn requests_are_counted_and_those_that_are_not_known_apart() {
        let then = permissions("");
        let of = |request, count, second| RecordedRequests {
            count,
            last_at: jiff::Timestamp::from_second(second).expect("a time"),
            ..recorded(request, &then)
        };
        let unknown = RecordedRequests {
            kind: RequestKind::default(),
            ..of("GET /x", 13, 9)
        };
        let requests = RecentRequests {
            refused: 4,
            recorded: vec![
                unknown,
                of("POST /v3/contacts", 2, 9),
                of("GET /v3/contacts", 30, 8),
                of("DELETE /x", 5, 7),
            ],
        };
        let read_only = "read-only".parse().expect("a permission");
        let trial = PermissionTrial::of(&requests, &read_only, &then);
        assert_eq!((trial.accepted, trial.refused_count), (50, 7));
        assert_eq!((trial.unrecorded, trial.undecided), (13, 0));
        assert_eq!(trial.denied, 4);
        assert_eq!(trial.refused[0].kind.method(), "DELETE");
        assert_eq!(trial.last_refused().map(|last| last.count), Some(2));
        assert!(!trial.allows_all());
    }
}
