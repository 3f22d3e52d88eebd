//! What a key's policy says about its automatic rotation.

use jiff::{SignedDuration, Timestamp};

use crate::check::{KeyFacts, RuleOverrides, RuleSource, Rules};
use crate::context::Context;
use crate::key::{AfterCommand, Key, KeyPolicy};
use crate::vault::SecretInfo;

/// What a key's policy says about its automatic rotation.
#[derive(Clone, Debug)]
pub struct RotationTerms {
    /// When its secret becomes too old, if ever. Only an explicit policy counts: the default is for
    /// reminders, and would rotate keys whose applications nobody has prepared for it.
    pub due_at: Option<Timestamp>,
    /// How long after the delivery the rotation is decided.
    pub grace: SignedDuration,
    /// For how long the old secret must be unused before it is retired.
    pub settle: SignedDuration,
    /// The command that makes the application read the destination.
    pub after: Option<AfterCommand>,
}

impl RotationTerms {
    /// The terms of a key with these secrets and this policy of its own; the settings have the
    /// others.
    pub fn of(key: &Key, secrets: &[SecretInfo], own: &KeyPolicy, context: &Context) -> Self {
        let rules = Rules::new(&RuleOverrides::default(), own, &context.settings.policy);
        let known = KeyFacts {
            key,
            secrets,
            rotation: None,
            used: None,
        };
        let is_explicit = rules.rotate_every.origin != RuleSource::Default;
        let rotation = known.rotation(rules.rotate_every.term);
        let rotation = rotation.filter(|_| is_explicit);
        Self {
            due_at: rotation.map(|(_, due_at)| due_at),
            grace: rules.grace.term.length(),
            settle: rules.settle_length(),
            after: rules.after,
        }
    }
}
