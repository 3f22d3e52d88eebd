//! Permissions: named sets of rules.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::nearest;
use crate::key::{Invalid, Permission, RequestPath, Rule};

/// The built-in permissions, as they would be written in the settings.
const BUILT_IN: [(&str, &[&str]); 4] = [
    (Permission::FULL, &["* /*"]),
    ("read-only", &["GET,HEAD /*"]),
    ("send-only", &["POST /v3/smtp/*"]),
    ("contacts", &["* /v3/contacts", "* /v3/contacts/*"]),
];

/// The permissions and their rules.
#[derive(Clone, Debug)]
pub struct Permissions(BTreeMap<Permission, Vec<Rule>>);

/// What permissions and rules allow a request.
#[derive(Clone, Debug)]
pub struct RequestMatch<'a> {
    /// Its method; empty if it is neither standard nor named by any rule.
    pub method: &'a str,
    /// The rule that names its path most exactly, apart from that of `full`.
    pub rule: Option<&'a Rule>,
    /// The permissions that allow it, by name.
    pub permissions: Vec<&'a str>,
}

impl Permissions {
    /// Adds permissions, replacing existing ones except for `full`.
    pub(super) fn add(
        &mut self,
        permissions: impl Iterator<Item = (Permission, Vec<Rule>)>,
    ) -> Result<(), Invalid> {
        for (permission, rules) in permissions {
            if permission.is_full() {
                let rule = "it always allows everything";
                return Err(
                    Invalid::new("a permission to define", Permission::FULL, rule)
                        .with_hint("give the permission another name"),
                );
            }
            self.0.insert(permission, rules);
        }
        Ok(())
    }

    /// The permission, if it is defined.
    pub fn expect(&self, permission: Permission) -> Result<Permission, Invalid> {
        if self.0.contains_key(&permission) {
            return Ok(permission);
        }
        let names: Vec<&str> = self.names().collect();
        let rule = format!("the permissions are {}", names.join(", "));
        let invalid = Invalid::new("a permission", permission.as_str(), rule);
        Err(match nearest(permission.as_str(), &names) {
            Some(name) => invalid.with_hint(format!("did you mean `{name}`?")),
            None => invalid.with_hint("the settings can define more, under [permissions]"),
        })
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(Permission::as_str)
    }

    /// The rules of a permission.
    pub fn rules(&self, name: &str) -> impl Iterator<Item = &Rule> {
        let found = self.0.iter().find(|(own, _)| own.as_str() == name);
        found.into_iter().flat_map(|(_, rules)| rules)
    }

    /// Whether a permission allows what `needed` names.
    pub fn covers(&self, permission: &Permission, needed: &Permission) -> bool {
        permission.is_full() || permission == needed
    }

    /// Whether a permission allows a request. An undefined one allows nothing, and no permission
    /// allows a path that is not plain.
    pub fn allow(&self, permission: &Permission, method: &str, target: &str) -> bool {
        let (Some(rules), Some(path)) = (self.0.get(permission), RequestPath::parse(target)) else {
            return false;
        };
        !method.is_empty() && rules.iter().any(|rule| rule.allows(method, &path))
    }

    /// The permissions that allow a request, `full` last.
    pub fn allowing<'a>(&'a self, method: &'a str, target: &str) -> Vec<&'a str> {
        let matched = self.matching(method, target);
        let mut names = matched.map_or(Vec::new(), |matched| matched.permissions);
        names.sort_by_key(|name| *name == Permission::FULL);
        names
    }

    /// What allows a request; `None` if nothing can.
    pub fn matching<'a>(&'a self, method: &'a str, target: &str) -> Option<RequestMatch<'a>> {
        let path = RequestPath::parse(target).filter(|_| !method.is_empty())?;
        let mut rules = self.0.values().flatten();
        let is_named = rules.any(|rule| rule.names_method(method));
        let mut matched = RequestMatch {
            method: if is_named { method } else { "" },
            rule: None,
            permissions: Vec::new(),
        };
        for (permission, rules) in &self.0 {
            let mut allowing = rules.iter().filter(|rule| rule.allows(method, &path));
            let Some(first) = allowing.next() else {
                continue;
            };
            matched.permissions.push(permission.as_str());
            if !permission.is_full() {
                let all = matched.rule.into_iter().chain([first]).chain(allowing);
                matched.rule = all.max_by_key(|rule| rule.specificity());
            }
        }
        (!matched.permissions.is_empty()).then_some(matched)
    }

    /// The permissions that allow less than this one and nothing else: those that only read first,
    /// then the narrowest, then those with the most exact paths.
    pub fn narrower(&self, than: &Permission) -> Vec<&Permission> {
        let is_narrower =
            |own: &&Permission| self.is_within(own, than) && !self.is_within(than, own);
        let mut narrower: Vec<_> = self.0.keys().filter(is_narrower).collect();
        narrower.sort_by_cached_key(|own| {
            let others = self.0.keys().filter(|other| self.is_within(other, own));
            let rules = &self.0[*own];
            let only_reads = rules.iter().all(Rule::only_reads);
            let exact = rules.iter().map(Rule::specificity).min();
            (!only_reads, others.count(), Reverse(exact))
        });
        narrower
    }

    /// Whether everything that a permission allows is allowed by another.
    pub fn is_within(&self, inner: &Permission, outer: &Permission) -> bool {
        let (Some(inner), Some(outer)) = (self.0.get(inner), self.0.get(outer)) else {
            return false;
        };
        let mut inner = inner.iter();
        inner.all(|rule| outer.iter().any(|other| other.includes(rule)))
    }

    /// All permissions with their rules, as JSON.
    pub fn to_json(&self) -> String {
        let texts = |(own, rules): (&Permission, &Vec<Rule>)| {
            let rules = rules.iter().map(|rule| rule.as_str().to_owned());
            (own.to_string(), rules.collect::<Vec<_>>())
        };
        let all: BTreeMap<_, _> = self.0.iter().map(texts).collect();
        serde_json::to_string(&all).expect("lists of strings are JSON")
    }

    /// Reads what [`Permissions::to_json`] wrote; `None` if it is anything else.
    pub fn from_json(text: &str) -> Option<Self> {
        let all: BTreeMap<String, Vec<String>> = serde_json::from_str(text).ok()?;
        let permission = |(name, rules): (String, Vec<String>)| {
            let rules = rules.iter().map(|rule| rule.parse());
            Some((name.parse().ok()?, rules.collect::<Result<_, _>>().ok()?))
        };
        all.into_iter()
            .map(permission)
            .collect::<Option<_>>()
            .map(Self)
    }
}

impl Default for Permissions {
    fn default() -> Self {
        let rules = |texts: &[&str]| {
            let parsed = texts.iter().map(|text| text.parse());
            parsed
                .collect::<Result<_, _>>()
                .expect("the built-in rules are rules")
        };
        let permission = |name: &str| name.parse().expect("the built-in names are names");
        Self(
            BUILT_IN
                .into_iter()
                .map(|(name, texts)| (permission(name), rules(texts)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions(own: &[(&str, &[&str])]) -> Permissions {
        let mut permissions = Permissions::default();
        let own = own.iter().map(|(name, rules)| {
            let rules = rules.iter().map(|rule| rule.parse().expect(rule));
            (name.parse().expect(name), rules.collect())
        });
        permissions.add(own).expect("none is full");
        permissions
    }

    #[test]
    fn a_request_is_described_by_the_most_exact_rule() {
        let permissions = permissions(&[
            ("stats", &["GET /v3/*/stats", "GET /v3/*"]),
            ("files", &["LOCK /files/*"]),
        ]);
        for (method, target, rule, allowed_by) in [
            ("GET", "/x", Some("GET,HEAD /*"), &["full", "read-only"][..]),
            ("PUT", "/x", None, &["full"]),
            (
                "GET",
                "/v3/7/stats?day=1",
                Some("GET /v3/*/stats"),
                &["full", "read-only", "stats"],
            ),
            (
                "POST",
                "/v3/contacts/7",
                Some("* /v3/contacts/*"),
                &["contacts", "full"],
            ),
        ] {
            let matched = permissions.matching(method, target).expect(target);
            assert_eq!(matched.rule.map(Rule::as_str), rule, "{method} {target}");
            assert_eq!(
                matched.permissions.as_slice(),
                allowed_by,
                "{method} {target}"
            );
            assert_eq!(matched.method, method);
        }
        for (method, told) in [
            ("get", ""),
            ("G\u{1b}T", ""),
            ("PURGE", ""),
            ("LOCK", "LOCK"),
            ("PATCH", "PATCH"),
        ] {
            let matched = permissions.matching(method, "/").expect(method);
            assert_eq!(matched.method, told, "{method}");
        }
        for (method, target) in [("", "/"), ("GET", "/../x"), ("TRACE", "/"), ("GET", "")] {
            assert!(permissions.matching(method, target).is_none(), "{target}");
        }
    }

    #[test]
    fn narrower_permissions_allow_nothing_else() {
        let permissions = permissions(&[
            ("stats", &["GET /v3/*/stats"]),
            ("all", &["* /*"]),
            ("none", &[]),
            ("get-contacts", &["GET /v3/contacts", "GET /v3/contacts/*"]),
        ]);
        for (than, narrower) in [
            (
                "full",
                &[
                    "none",
                    "stats",
                    "get-contacts",
                    "read-only",
                    "send-only",
                    "contacts",
                ][..],
            ),
            ("read-only", &["none", "stats", "get-contacts"]),
            ("contacts", &["none", "get-contacts"]),
            ("none", &[]),
            ("gone", &[]),
        ] {
            let found = permissions.narrower(&than.parse().expect(than));
            let names: Vec<_> = found.iter().map(|own| own.as_str()).collect();
            assert_eq!(names, narrower, "{than}");
        }
    }

    #[test]
    fn permissions_are_read_as_they_were_written() {
        let all = permissions(&[("stats", &["GET /v3/*/stats"]), ("none", &[])]);
        let json = all.to_json();
        assert_eq!(Permissions::from_json(&json).expect("JSON").0, all.0);
        for text in ["", "[]", "{\"a\":[\"x\"]}", "{\"A\":[]}", "{\"a\":1}"] {
            assert!(Permissions::from_json(text).is_none(), "{text}");
        }
    }
}
