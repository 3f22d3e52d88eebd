//! Changes a key, except for its secret.

use jiff::Timestamp;

use super::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName, KeyPolicy};
use crate::ui::{KeyView, changes};
use crate::vault::{Action, Change, Record, Vault};

impl Context {
    /// Changes one key with `change_it`, and shows it.
    pub fn edit(
        &self,
        name: &KeyName,
        action: Action,
        apply: impl Fn(&Key, &Change<'_>) -> Result<Key, Error>,
    ) -> Result<ExitStatus, Error> {
        self.edit_with_policy(name, action, |key, policy, change| {
            Ok((apply(key, change)?, policy))
        })
    }

    /// Like [`Context::edit`], including the key's own policy.
    pub fn edit_with_policy(
        &self,
        name: &KeyName,
        action: Action,
        apply: impl Fn(&Key, KeyPolicy, &Change<'_>) -> Result<(Key, KeyPolicy), Error>,
    ) -> Result<ExitStatus, Error> {
        let mut vault = self.open_for_change()?;
        let (after, fields, now) = vault.change(&self.author(action), |change| {
            let record = change.find(name)?;
            let policy = change.policy(record.id)?;
            let (key, policy) = apply(&record.key, policy, change)?;
            let fields = change.save_with_policy(&record, &key, &policy)?;
            Ok::<_, Error>((Record { key, ..record }, fields, change.now()))
        })?;
        let changed = changes(&fields, &self.display_at(now));
        if changed.is_empty() {
            self.ui.note(format!("`{name}` unchanged"));
        } else {
            self.ui.note(format!("`{name}`: {changed}"));
        }
        self.show_keys(&[after], &vault, now)?;
        Ok(ExitStatus::Done)
    }

    /// Prints changed keys for programs; people have already seen messages.
    pub fn show_keys(&self, keys: &[Record], vault: &Vault, now: Timestamp) -> Result<(), Error> {
        if !self.ui.format.is_for_machines() {
            return Ok(());
        }
        let display = self.display_at(now);
        let summaries = self.uses(vault).summaries(keys.iter(), now, &self.ui);
        let mut listing = self.ui.listing(&display);
        for (Record { key, .. }, summary) in keys.iter().zip(summaries) {
            listing.push(&KeyView::new(key, now).with_use(summary))?;
        }
        listing.finish::<KeyView<'_>>()
    }
}
