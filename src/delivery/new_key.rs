//! The secret of a new key.

use crate::context::Context;
use crate::delivery::engine::PendingSecret;
use crate::delivery::new_secret::NewSecret;
use crate::delivery::outcome::Delivery;
use crate::delivery::target::Target;
use crate::error::Error;
use crate::key::{Key, KeyPolicy};
use crate::ui::KeyView;
use crate::vault::{self, Change, Vault};

/// A new key with its secret.
pub struct NewKey<'a> {
    /// The key.
    pub key: Key,
    /// Its own policy.
    pub policy: KeyPolicy,
    /// Its secret.
    pub secret: NewSecret,
    /// Whether an interrupted run has already staged the secret.
    pub is_staged: bool,
    /// Where the secret goes.
    pub target: Target<'a>,
    /// The context of the run.
    pub context: &'a Context,
}

impl PendingSecret for NewKey<'_> {
    fn target(&self) -> &Target<'_> {
        &self.target
    }

    fn stage(&self, change: &Change<'_>) -> Result<(), vault::Error> {
        change.expect_free(&self.key.name, self.key.username())?;
        if self.secret.is_sealed() {
            change.expect_no_default()?;
        }
        match self.is_staged {
            true => change.stage_again(&self.secret.tail()),
            false => self.secret.stage(change),
        }
    }

    fn deliver(&self, vault: &Vault) -> Result<Delivery, Error> {
        let ui = &self.context.ui;
        ui.begin_part(self.key.name.as_str());
        let view = KeyView::new(&self.key, self.key.created_at);
        let issued = self.secret.issued(view);
        let delivered = self.target.deliver(issued, vault, self.context);
        ui.finish_part();
        delivered
    }

    fn activate(&self, change: &Change<'_>) -> Result<Key, vault::Error> {
        self.secret.add(&self.key, &self.policy, change)?;
        Ok(self.key.clone())
    }
}
