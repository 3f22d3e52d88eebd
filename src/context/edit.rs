//! Changes keys, except for their secrets.

use jiff::Timestamp;

use super::Context;
use super::dry_run::DryRun;
use super::selected_keys::SelectedKeys;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName, KeyPolicy};
use crate::ui::{KeyView, changes};
use crate::vault::{Action, Change, Field, Record, Vault};

/// The keys to be changed.
pub enum EditedKeys<'a> {
    /// The one with this name.
    Named(&'a KeyName),
    /// These, all or none.
    Selected(&'a SelectedKeys),
}

/// A key's name before, the key afterwards, and what was changed.
type EditedKey = (KeyName, Record, Vec<Field>);

impl Context {
    /// Changes one key with `apply`, and shows it.
    pub fn edit(
        &self,
        name: &KeyName,
        action: Action,
        apply: impl Fn(&Key, &Change<'_>) -> Result<Key, Error>,
    ) -> Result<ExitStatus, Error> {
        let keys = EditedKeys::Named(name);
        let apply = |key: &Key, policy: &KeyPolicy, change: &Change<'_>| {
            Ok((apply(key, change)?, policy.clone()))
        };
        let show = |keys: &[Record], vault: &Vault, now| self.show_keys(keys, vault, now);
        self.edit_with_policy(&keys, action, DryRun::default(), apply, show)
    }

    /// Changes keys and their own policies in one transaction, and shows them with `show`.
    pub fn edit_with_policy(
        &self,
        keys: &EditedKeys<'_>,
        action: Action,
        dry_run: DryRun,
        apply: impl Fn(&Key, &KeyPolicy, &Change<'_>) -> Result<(Key, KeyPolicy), Error>,
        show: impl FnOnce(&[Record], &Vault, Timestamp) -> Result<(), Error>,
    ) -> Result<ExitStatus, Error> {
        let mut vault = self.open_to(dry_run)?;
        let author = self.author(action);
        let edited = Context::change(dry_run, &mut vault, &author, |change| {
            let edit = |record: Record| edited(record, change, &apply);
            match keys {
                EditedKeys::Named(name) => Ok(vec![edit(change.find(name)?)?]),
                EditedKeys::Selected(keys) => {
                    let records = keys.records();
                    records.map(|seen| edit(change.expect(seen)?)).collect()
                }
            }
        })?;
        for (name, _, fields) in &edited {
            let changed = changes(fields, &self.display_at(author.clock));
            self.ui.note(match changed.is_empty() {
                true => format!("`{name}` unchanged"),
                false => format!("`{name}`: {changed}"),
            });
        }
        let records: Vec<Record> = edited.into_iter().map(|(_, record, _)| record).collect();
        show(&records, &vault, author.clock)?;
        self.note_dry_run(dry_run);
        Ok(match keys {
            EditedKeys::Named(_) => ExitStatus::Done,
            EditedKeys::Selected(keys) => keys.status,
        })
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

fn edited(
    record: Record,
    change: &Change<'_>,
    apply: impl Fn(&Key, &KeyPolicy, &Change<'_>) -> Result<(Key, KeyPolicy), Error>,
) -> Result<EditedKey, Error> {
    let (key, policy) = apply(&record.key, &change.policy(record.id)?, change)?;
    let fields = change.save_with_policy(&record, &key, &policy)?;
    Ok((record.key.name.clone(), Record { key, ..record }, fields))
}
