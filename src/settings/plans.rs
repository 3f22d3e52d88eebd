//! Plans: named limits.

use std::collections::BTreeMap;

use super::nearest;
use crate::key::{Invalid, Limit};

/// The named limits.
#[derive(Clone, Debug)]
pub struct Plans(BTreeMap<String, Limit>);

impl Plans {
    /// Adds plans, replacing existing ones.
    pub(super) fn add(&mut self, plans: impl Iterator<Item = (String, Limit)>) {
        self.0.extend(plans);
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All plans and their limits, sorted by name.
    pub fn limits(&self) -> impl Iterator<Item = (&str, Limit)> {
        self.0.iter().map(|(name, limit)| (name.as_str(), *limit))
    }

    /// The limit of a plan.
    ///
    /// # Errors
    /// If there is no such plan; `enterprise` has no limit of its own.
    pub fn limit(&self, plan: &str) -> Result<Limit, Invalid> {
        if let Some(limit) = self.0.get(plan) {
            return Ok(*limit);
        }
        if plan == "enterprise" {
            return Err(Invalid::new(
                "a plan with a limit of its own",
                plan,
                "it has no fixed limit",
            )
            .with_hint("pass --limit, as in `--limit 100000/day`"));
        }
        let names: Vec<&str> = self.names().collect();
        let rule = format!("the plans are {}", names.join(", "));
        let invalid = Invalid::new("a plan", plan, rule);
        Err(match nearest(plan, &names) {
            Some(name) => invalid.with_hint(format!("did you mean `{name}`?")),
            None => invalid.with_hint("the settings can define more, under [plans]"),
        })
    }
}

impl Default for Plans {
    fn default() -> Self {
        let built_in = [
            ("free", "300/day"),
            ("starter", "20000/day"),
            ("business", "50000/day"),
        ];
        let limits = built_in.map(|(name, limit)| {
            (
                name.to_owned(),
                limit.parse().expect("the built-in limits are limits"),
            )
        });
        Self(limits.into())
    }
}
