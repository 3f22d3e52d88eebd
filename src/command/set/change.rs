//! The requested change of a key.

use clap::Args;

use crate::context::access_flags::AccessFlags;
use crate::context::label_flags::{self, LabelFlags};
use crate::error::Error;
use crate::key::{
    Access, AfterCommand, Description, Expiry, Grace, Key, KeyName, LabelName, Labels, Limit,
    Owner, Period, Permission, PolicyChange, PolicyValue, Term,
};

/// The requested changes.
#[derive(Args, Debug)]
pub(super) struct RequestedChange {
    /// New name
    #[arg(long = "name", value_name = "NAME")]
    pub(super) new_name: Option<KeyName>,
    /// What it is for, in at most 200 characters; not secret
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<Description>,
    /// Remove the description
    #[arg(long, conflicts_with = "description")]
    pub(super) clear_description: bool,
    #[command(flatten)]
    pub(super) labels: LabelFlags,
    /// Remove the labels with these names, as in env,team
    #[arg(long, value_name = "NAME", value_delimiter = ',', add = label_flags::label_names())]
    pub(super) clear_label: Vec<LabelName>,
    /// Remove the owner
    #[arg(long, conflicts_with = "owner")]
    pub(super) clear_owner: bool,
    #[command(flatten)]
    pub(super) bounds: AccessFlags,
    /// When it expires: 90d, 2027-01-31 (the first second of that day, UTC), or never
    #[arg(long, value_name = "WHEN")]
    pub(super) expires: Option<Expiry>,
    /// How old its secret may become before `check` reports it: 30d, never, or policy for the
    /// settings' rule
    #[arg(long, value_name = "SPAN")]
    pub(super) rotate_every: Option<PolicyValue<Term>>,
    /// How long it may be unused before `check` reports it: 10d, never, or policy for the settings'
    /// rule
    #[arg(long, value_name = "SPAN")]
    pub(super) unused_after: Option<PolicyValue<Term>>,
    /// How long `rotate --due` gives both secrets before it must decide: 48h, or policy for the
    /// settings' rule
    #[arg(long, value_name = "SPAN")]
    pub(super) grace: Option<PolicyValue<Grace>>,
    /// How long the old secret must be unused before `rotate --due` retires it: 2h, or policy for
    /// the settings' rule
    #[arg(long, value_name = "SPAN")]
    pub(super) settle: Option<PolicyValue<Period>>,
    /// What `rotate --due` runs after it delivered a new secret, as in 'systemctl reload app'; split
    /// into arguments as by a shell, but run without one; not secret
    #[arg(long, value_name = "COMMAND")]
    pub(super) after: Option<AfterCommand>,
    /// Run nothing after a delivery
    #[arg(long, conflicts_with = "after")]
    pub(super) clear_after: bool,
}

impl RequestedChange {
    pub(super) fn has_change(&self) -> bool {
        let is_about = self.new_name.is_some() || self.description.is_some();
        let is_policy = self.policy() != PolicyChange::default();
        let is_access = self.expires.is_some() || self.bounds.given().is_some();
        let is_label = self.labels.are_given() || !self.clear_label.is_empty() || self.clear_owner;
        is_about || is_label || self.clear_description || is_policy || is_access
    }

    pub(super) fn description(&self, before: &Key) -> Option<Description> {
        let kept = || {
            before
                .description
                .clone()
                .filter(|_| !self.clear_description)
        };
        self.description.clone().or_else(kept)
    }

    pub(super) fn labels(&self, before: &Key) -> Result<Labels, Error> {
        let added = self.labels.labels()?;
        Ok(before.labels.changed(&self.clear_label, &added)?)
    }

    pub(super) fn owner(&self, before: &Key) -> Option<Owner> {
        let kept = || before.owner.clone().filter(|_| !self.clear_owner);
        self.labels.owner.clone().or_else(kept)
    }

    /// The value, if minutes were given where months were probably meant.
    pub(super) fn minutes(&self) -> [Option<Period>; 3] {
        let of_rule = |rule: Option<PolicyValue<Term>>| rule.and_then(|rule| rule.0?.minutes());
        [
            self.expires.and_then(Expiry::minutes),
            of_rule(self.rotate_every),
            of_rule(self.unused_after),
        ]
    }

    pub(super) fn policy(&self) -> PolicyChange {
        let after = self.after.clone().map(Some);
        PolicyChange {
            rotate_every: self.rotate_every,
            unused: self.unused_after,
            grace: self.grace,
            settle: self.settle,
            after: after.or(self.clear_after.then_some(None)),
        }
    }

    pub(super) fn access(
        &self,
        key: &Key,
        new_permission: Option<&Permission>,
        new_limit: Option<Limit>,
    ) -> Result<Access, Error> {
        self.bounds.expect_fit(key.kind())?;
        let senders = self.bounds.sender.as_ref();
        Ok(key.access.with(new_permission, senders, new_limit))
    }
}
