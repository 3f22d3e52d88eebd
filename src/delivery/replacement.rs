//! A secret that replaces a key's current one.

use crate::context::Context;
use crate::delivery::engine::PendingSecret;
use crate::delivery::new_secret::NewSecret;
use crate::delivery::outcome::Delivery;
use crate::delivery::target::Target;
use crate::error::Error;
use crate::key::{Grace, Key, Status};
use crate::ui::KeyView;
use crate::vault::{self, Change, Record, Vault};

/// A new secret for a key.
pub struct SecretReplacement<'a> {
    /// The key; its secret must be unchanged.
    pub seen: &'a Record,
    /// The new secret.
    pub secret: NewSecret,
    /// What happens to the old one.
    pub transition: Transition,
    /// Where the new one goes.
    pub target: &'a Target<'a>,
    /// The context of the run.
    pub context: &'a Context,
}

/// How a new secret replaces the old one.
#[derive(Clone, Copy, Debug)]
pub enum Transition {
    /// The old one stops working at once.
    AtOnce,
    /// The same, and the key is activated.
    Activating,
    /// Both are valid during a grace period.
    WithGrace(Grace),
}

impl SecretReplacement<'_> {
    /// The key as it will be if it gets the new secret now.
    pub fn after(&self, key: &Key) -> Key {
        let tail = self.secret.tail();
        match self.transition {
            Transition::AtOnce => key.with_secret(tail),
            Transition::Activating => Key {
                status: Status::Active,
                ..key.with_secret(tail)
            },
            Transition::WithGrace(grace) => key.rotated(tail, grace, Context::clock()),
        }
    }

    /// The key, if it can get another secret and has not been given one meanwhile.
    fn find(&self, change: &Change<'_>) -> Result<Record, vault::Error> {
        let name = &self.seen.key.name;
        let found = change.find(name)?;
        if let Transition::WithGrace(_) = self.transition {
            change.expect_one_secret(&found)?;
        }
        match found.key.tail == self.seen.key.tail {
            true => Ok(found),
            false => Err(vault::Error::Changed(name.clone())),
        }
    }
}

impl PendingSecret for SecretReplacement<'_> {
    fn target(&self) -> &Target<'_> {
        self.target
    }

    fn stage(&self, change: &Change<'_>) -> Result<(), vault::Error> {
        self.find(change)?;
        self.secret.stage(change)
    }

    fn deliver(&self, vault: &Vault) -> Result<Delivery, Error> {
        let (key, now) = (self.after(&self.seen.key), Context::clock());
        let used = self.context.usage_for_programs(self.seen, now, vault);
        let view = KeyView::new(&key, now).with_use(used);
        let issued = self.secret.issued(view);
        self.target.deliver(issued, vault, self.context)
    }

    fn activate(&self, change: &Change<'_>) -> Result<Key, vault::Error> {
        let found = self.find(change)?;
        // The grace period begins now, however long the delivery took.
        let after = self.after(&found.key);
        match self.transition {
            Transition::WithGrace(_) => change.rotate(&found, &after, None)?,
            _ => self.secret.replace(&found, &after, change)?,
        }
        Ok(after)
    }
}
