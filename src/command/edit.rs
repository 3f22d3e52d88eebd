//! Changing what is known of a key, its secret aside.

use super::Session;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName};
use crate::ui::changes;
use crate::vault::differences;

impl Session {
    /// Changes one key as `change_it` says, and shows it.
    pub(super) fn edit(
        &self,
        name: &KeyName,
        command: &'static str,
        change_it: impl Fn(&Key) -> Result<Key, Error>,
    ) -> Result<ExitStatus, Error> {
        let mut vault = self.open_to_change()?;
        let seen = vault.find(name)?;
        let after = change_it(&seen.key)?;
        if after == seen.key {
            self.ui
                .note(format!("`{name}` is so already; nothing was changed"));
        } else {
            vault.change(&self.author(command), |change| {
                change.expect(&seen)?;
                change.save(&seen, &after)
            })?;
            let changed = changes(
                &differences(Some(&seen.key), Some(&after)),
                &self.look(&vault)?,
            );
            self.ui.note(format!("`{name}`: {changed}"));
        }
        self.show_keys(&[after], &vault)?;
        Ok(ExitStatus::Done)
    }
}
