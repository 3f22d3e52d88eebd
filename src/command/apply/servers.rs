//! The mail servers of existing keys: where their secrets are, the next is delivered for the manifest's.

use super::scheme::Scheme;
use crate::context::Context;
use crate::error::Error;
use crate::key::KeyName;
use crate::manifest::Plan;
use crate::vault::{Action, Vault};

impl Scheme<'_> {
    /// Remembers the manifest's mail server for each existing key whose secret was delivered where
    /// the manifest says: the next rotation and `check` follow it.
    pub(super) fn remember_servers(
        &self,
        plan: &Plan<'_>,
        vault: &mut Vault,
        context: &Context,
    ) -> Result<(), Error> {
        let mut others: Vec<(&KeyName, Option<String>)> = Vec::new();
        for step in &plan.steps {
            let (Some(wanted), Some(record)) = (step.wanted(), step.record()) else {
                continue;
            };
            let Some(last) = vault.last_delivery(record.id)? else {
                continue;
            };
            let server = wanted.smtp.as_ref().map(ToString::to_string);
            let place = || self.target(wanted, &[], None).ok()?.destination.text();
            if server != last.server && place() == Some(last.destination) {
                others.push((step.name(), server));
            }
        }
        if others.is_empty() {
            return Ok(());
        }
        vault.change(&context.author(Action::Apply), |change| {
            let mut others = others.iter();
            others.try_for_each(|(name, server)| change.remember_server(name, server.as_deref()))
        })?;
        Ok(())
    }
}
