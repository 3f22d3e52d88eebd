//! Changing what is known of a key, its secret aside.

use super::Session;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName};
use crate::ui::changes;
use crate::vault::{Change, Record, differences};

impl Session {
    /// Changes one key as `change_it` says, and shows it.
    pub(super) fn edit(
        &self,
        name: &KeyName,
        command: &'static str,
        change_it: impl Fn(&Key, &Change<'_>) -> Result<Key, Error>,
    ) -> Result<ExitStatus, Error> {
        let mut vault = self.open_to_change()?;
        let (before, after, now) = vault.change(&self.author(command), |change| {
            let record = change.find(name)?;
            let after = change_it(&record.key, change)?;
            if after != record.key {
                change.save(&record, &after)?;
            }
            Ok::<_, Error>((record, after, change.now()))
        })?;
        let changed = changes(
            &differences(Some(&before.key), Some(&after)),
            &self.look_at(now),
        );
        if changed.is_empty() {
            self.ui
                .note(format!("`{name}` is so already; nothing was changed"));
        } else {
            self.ui.note(format!("`{name}`: {changed}"));
        }
        let after = Record {
            key: after,
            ..before
        };
        self.show_keys(&[after], &vault, now)?;
        Ok(ExitStatus::Done)
    }
}
