//! A key that exists while a program runs.

use crate::context::Context;
use crate::delivery::NewSecret;
use crate::error::Error;
use crate::key::{Key, KeyPolicy, KeyVariables};
use crate::ui::{Issued, KeyView};
use crate::vault::{self, Action, Author, Vault};

/// A key that exists while a program runs, with its secret.
pub(super) struct TemporaryKey {
    pub(super) key: Key,
    pub(super) secret: NewSecret,
}

impl TemporaryKey {
    /// Creates the key, which is valid at once: if the program does not start, it is deleted, and if
    /// this process is killed, it expires.
    pub(super) fn create(&self, vault: &mut Vault, author: &Author) -> Result<(), vault::Error> {
        vault.change(author, |change| {
            self.secret.stage(change)?;
            self.secret.add(&self.key, &KeyPolicy::default(), change)
        })
    }

    /// The key with its secret, as the program gets it.
    pub(super) fn issued(&self, variables: KeyVariables) -> Issued<'_> {
        let view = KeyView::new(&self.key, self.key.created_at);
        self.secret.issued(view).in_variables(variables)
    }

    /// Deletes the key that has the secret, whatever its name is now.
    pub(super) fn delete(&self, context: &Context) -> Result<(), Error> {
        let mut vault = context.open_for_change()?;
        let Some(found) = vault.presented(&self.key.tail)? else {
            return Ok(());
        };
        let deleted = vault.change(&context.author(Action::Run), |change| {
            let found = change.expect_unedited(&found.record)?;
            change.delete(&found)
        });
        Ok(deleted?)
    }

    /// Warns that the key was not deleted.
    pub(super) fn warn_of_remains(&self, error: &Error, context: &Context) {
        let (name, display) = (&self.key.name, context.display());
        let end = self.key.expires_at.map(|end| display.moment(end));
        context.ui.warn(format!(
            "`{name}` was not deleted: {error}; it expires {}; `postkey delete {name}` deletes it",
            end.unwrap_or_default()
        ));
    }

    /// Warns if the program ran longer than the key was valid.
    pub(super) fn warn_if_expired(&self, context: &Context) {
        let (name, display) = (&self.key.name, context.display());
        let end = self.key.expires_at.filter(|&end| end <= display.now);
        if let Some(end) = end {
            let end = display.distance(end);
            context.ui.warn(format!(
                "`{name}` expired {end}, before the program ended; --for gives it more time"
            ));
        }
    }
}
