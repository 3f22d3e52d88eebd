//! Permissions: named sets of rules.

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
    pub fn allowing(&self, method: &str, target: &str) -> Vec<&str> {
        let allowing = self.0.keys().filter(|own| self.allow(own, method, target));
        let mut names: Vec<_> = allowing.collect();
        names.sort_by_key(|permission| permission.is_full());
        names.into_iter().map(Permission::as_str).collect()
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
