//! Deletes the keys that a manifest does not name.

use std::collections::HashSet;

use crate::command::delete::{PendingDelete, are_confirmed};
use crate::context::Context;
use crate::error::Error;
use crate::manifest::{Manifest, Plan};
use crate::ui::DisplayContext;
use crate::vault::{self, Record, SortOrder, Vault};

/// The keys of a vault that are not in the manifest, in the order of their names.
pub(super) fn unmanaged(manifest: &Manifest, vault: &Vault) -> Result<Vec<Record>, vault::Error> {
    let named: HashSet<String> = manifest.keys.iter().map(|key| key.name.folded()).collect();
    let mut unmanaged = Vec::new();
    let mut page = vault.first_page(SortOrder::Name)?;
    loop {
        let mut damaged = None;
        let is_more = vault.next_page(&mut page, |found| match found {
            Ok(record) if named.contains(&record.key.name.folded()) => {}
            Ok(record) => unmanaged.push(record),
            Err(error) => damaged = Some(error),
        })?;
        match damaged {
            Some(error) => return Err(error),
            None if !is_more => return Ok(unmanaged),
            None => {}
        }
    }
}

/// The keys to delete, with their use.
pub(super) struct UnmanagedKeys<'a>(Vec<PendingDelete<'a>>);

impl<'a> UnmanagedKeys<'a> {
    pub(super) fn of(
        plan: &'a Plan<'_>,
        vault: Option<&Vault>,
        display: &'a DisplayContext,
        context: &Context,
    ) -> Self {
        let Some(vault) = vault.filter(|_| plan.deleted().next().is_some()) else {
            return Self(Vec::new());
        };
        let mut uses = context.uses(vault);
        let to_delete = plan
            .deleted()
            .map(|record| PendingDelete::new(record, &mut uses, display, context));
        Self(to_delete.collect())
    }

    /// In the order of the plan.
    pub(super) fn iter(&self) -> impl Iterator<Item = &PendingDelete<'a>> {
        self.0.iter()
    }

    /// Asks whether they may be deleted: --yes is enough if none of them is valid or was used
    /// recently.
    pub(super) fn is_confirmed(&self, context: &Context) -> Result<bool, Error> {
        let keys = &self.0;
        if keys.is_empty() {
            return Ok(true);
        }
        let hint = "pass --yes to delete them, or omit --prune to delete nothing";
        let show = || keys.iter().for_each(|key| key.warn_of_loss(context));
        are_confirmed(keys, hint, show, context)
    }
}
