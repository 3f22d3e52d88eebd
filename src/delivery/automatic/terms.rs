//! What a key's policy says about its automatic rotation.

use jiff::{SignedDuration, Timestamp};

use crate::check::{KeyFacts, RuleOverrides, RuleSource, Rules};
use crate::context::Context;
use crate::key::{AfterCommand, KeyPolicy};
use crate::vault::{self, Record, Vault};

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
    /// The terms of a key with this policy of its own; the settings have the others.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn of(
        record: &Record,
        own: &KeyPolicy,
        vault: &Vault,
        context: &Context,
    ) -> Result<Self, vault::Error> {
        let rules = Rules::new(&RuleOverrides::default(), own, &context.settings.policy);
        let known = KeyFacts {
            key: &record.key,
            secrets: &vault.secrets(record.id)?,
            rotation: None,
            used: None,
        };
        let is_explicit = rules.rotate_every.origin != RuleSource::Default;
        let rotation = known.rotation(rules.rotate_every.term);
        let rotation = rotation.filter(|_| is_explicit);
        Ok(Self {
            due_at: rotation.map(|(_, due_at)| due_at),
            grace: rules.grace.term.length(),
            settle: rules.settle_length(),
            after: rules.after,
        })
    }
}
