//! Messages about a new secret.

use jiff::Timestamp;

use crate::context::Context;
use crate::delivery::engine::{Failure, PendingSecret, deliver_one};
use crate::delivery::outcome::Saved;
use crate::delivery::target::{Target, note_new_variables};
use crate::key::Key;
use crate::ui::replacement_hint;
use crate::vault::{Author, Vault};

impl Context {
    /// Stages, delivers and activates the one new secret of a command; reports what that did to its
    /// file.
    ///
    /// # Errors
    /// The step at which it failed.
    pub fn deliver(
        &self,
        pending: &impl PendingSecret,
        vault: &mut Vault,
        author: &Author,
    ) -> Result<Key, Failure> {
        let ended = deliver_one(pending, vault, author).map_err(|failure| match failure {
            Failure::Delivery(error) => Failure::Delivery(pending.target().undelivered(error)),
            other => other,
        })?;
        if let Some(saved) = ended.delivery.saved() {
            note_new_variables(&saved, self);
            self.warn_if_overwritten(&saved, vault);
        }
        Ok(ended.key)
    }

    /// Warns of other keys' secrets that were overwritten.
    fn warn_if_overwritten(&self, saved: &Saved, vault: &Vault) {
        for tail in &saved.overwritten {
            // The new secret is valid, even if this fails.
            let found = vault.presented(tail).ok().flatten();
            let current = found.filter(|found| found.retires_at.is_none());
            if let Some(key) = current.map(|found| found.record.key) {
                let (path, name) = (saved.path.display(), &key.name);
                let another = replacement_hint(&key, "", Self::clock());
                self.ui.warn(format!(
                    "`{path}` held the only secret of `{name}`: if there is no copy, {another}"
                ));
            }
        }
    }

    /// Reports where a new secret is, whether it can be shown again, and whether it is refused.
    pub fn report_delivery(
        &self,
        key: &Key,
        now: Timestamp,
        was_default: bool,
        is_sealed: bool,
        target: &Target<'_>,
    ) {
        target.report("it", is_sealed, self);
        if is_sealed {
            self.ui
                .note("it stays the default key: `postkey reveal` shows the new secret");
        }
        self.warn_if_refused(key, now);
        self.warn_if_default_unsealed(key, was_default && !is_sealed);
    }

    /// Warns that the default key's new secret was not encrypted.
    pub fn warn_if_default_unsealed(&self, key: &Key, was_default: bool) {
        if was_default {
            self.ui.warn(format!(
                "`{}` is no longer the default key: the new secret was not encrypted",
                key.name
            ));
        }
    }

    /// Warns if the new secret is refused.
    pub fn warn_if_refused(&self, key: &Key, now: Timestamp) {
        let effective_status = key.effective_status(now);
        if !effective_status.is_valid() && !key.is_decoy {
            self.ui.warn(format!(
                "`{}` is {effective_status}: the new secret is refused until that changes",
                key.name
            ));
        }
    }
}
