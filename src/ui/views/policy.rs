//! The policy that applies to a key, and its sources.

use jiff::Timestamp;
use serde::Serialize;

use super::text;
use crate::check::{CheckRule, RuleSource, Rules};
use crate::key::Term;
use crate::ui::DisplayContext;

/// The policy that `check` applies to a key.
#[derive(Debug, Serialize)]
pub struct PolicyView {
    rotate_every: String,
    rotate_every_from: &'static str,
    #[serde(serialize_with = "text")]
    rotation_due_at: Option<Timestamp>,
    unused_after: String,
    unused_after_from: &'static str,
    grace: String,
    grace_from: &'static str,
    settle: String,
    settle_from: &'static str,
    after: Option<Vec<String>>,
    #[serde(skip)]
    rules: Rules,
}

impl PolicyView {
    /// Describes the policy, and when the next rotation is due.
    pub fn new(rules: Rules, rotation_due_at: Option<Timestamp>) -> Self {
        Self {
            rotate_every: rules.rotate_every.term.to_string(),
            rotate_every_from: rules.rotate_every.origin.into_str(),
            rotation_due_at,
            unused_after: rules.unused.term.to_string(),
            unused_after_from: rules.unused.origin.into_str(),
            grace: rules.grace.term.to_string(),
            grace_from: rules.grace.origin.into_str(),
            settle: rules.settle.term.to_string(),
            settle_from: rules.settle.origin.into_str(),
            after: rules.after.as_ref().map(|after| after.arguments().to_vec()),
            rules,
        }
    }

    /// The policy as facts about the key, for people; what concerns automatic rotation only if the
    /// key has it of its own.
    pub(super) fn described(&self, display: &DisplayContext) -> Vec<(&'static str, String)> {
        let mut rotation = rule(self.rules.rotate_every, "every");
        if let Some(due_at) = self.rotation_due_at {
            rotation.push_str(&format!("; due {}", display.moment_and_distance(due_at)));
        }
        let mut facts = vec![
            ("rotate", rotation),
            ("unused", rule(self.rules.unused, "after")),
        ];
        for (name, value, origin) in [
            ("grace", &self.grace, self.rules.grace.origin),
            ("settle", &self.settle, self.rules.settle.origin),
        ] {
            if origin == RuleSource::Key {
                facts.push((name, format!("{value} ({})", origin.into_str())));
            }
        }
        let after = self.rules.after.as_ref();
        facts.extend(after.map(|after| ("after", format!("`{after}` after a delivery"))));
        facts
    }
}

/// `every 90d (settings)`
fn rule(rule: CheckRule, preposition: &str) -> String {
    let source = rule.origin.into_str();
    match rule.term {
        Term::Never => format!("never ({source})"),
        term => format!("{preposition} {term} ({source})"),
    }
}
