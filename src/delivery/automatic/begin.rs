//! Begins an automatic rotation: a new secret is delivered, and becomes valid beside the old one.

use crate::context::{Context, random};
use crate::delivery::automatic::key_rotation::KeyRotation;
use crate::delivery::automatic::place::{RotationPlace, is_of_key};
use crate::delivery::engine::PendingSecret;
use crate::delivery::new_secret::NewSecret;
use crate::delivery::outcome::Delivery;
use crate::delivery::replacement::{SecretReplacement, Transition};
use crate::delivery::target::Target;
use crate::error::Error;
use crate::key::{Grace, HashMemory, Key, Secret};
use crate::rotation::RotationProgress;
use crate::vault::{self, Action, AutomaticRotation, Change, Record, Vault};

/// The new secret of an automatic rotation.
struct AutomaticSecret<'a> {
    replacement: SecretReplacement<'a>,
    before: Option<&'a AutomaticRotation>,
    begun: AutomaticRotation,
}

impl PendingSecret for AutomaticSecret<'_> {
    fn target(&self) -> &Target<'_> {
        self.replacement.target
    }

    /// Also stores how to continue if this run ends in the middle.
    fn stage(&self, change: &Change<'_>) -> Result<(), vault::Error> {
        self.replacement.stage(change)?;
        change.save_rotation(self.replacement.seen, self.before, Some(&self.begun))
    }

    fn deliver(&self, vault: &Vault) -> Result<Delivery, Error> {
        self.replacement.deliver(vault)
    }

    fn activate(&self, change: &Change<'_>) -> Result<Key, vault::Error> {
        activate(self.replacement.seen, &self.begun, change)
    }
}

/// Makes the new secret of a rotation valid; the old one stays so until the rotation ends, a year at
/// most.
fn activate(
    seen: &Record,
    begun: &AutomaticRotation,
    change: &Change<'_>,
) -> Result<Key, vault::Error> {
    let found = change.find(&seen.key.name)?;
    change.expect_one_secret(&found)?;
    let is_same = found.id == seen.id && found.key.tail == seen.key.tail;
    if !is_same || change.rotation(seen.id)?.as_ref() != Some(begun) {
        return Err(vault::Error::Changed(found.key.name));
    }
    let after = found
        .key
        .rotated(begun.tail.clone(), Grace::longest(), change.now());
    let delivered = begun.advanced(RotationProgress::Delivered, change.now());
    change.rotate(&found, &after, Some(&delivered))?;
    Ok(after)
}

impl KeyRotation<'_> {
    /// Creates a new secret, delivers it, and activates it.
    pub(super) fn begin(
        &mut self,
        record: &Record,
        before: Option<&AutomaticRotation>,
        place: &RotationPlace,
    ) -> Result<(), Error> {
        let context = self.context;
        let target = place.target(&record.key, self.leftover.as_ref(), self.vault, context)?;
        // Of several variables, the one that holds the secret was chosen.
        let chosen = target.destination.text().and_then(|text| {
            let server = place.server.clone();
            RotationPlace::named(&text, server, &record.key.name, context).ok()
        });
        let old = self.current_secret(record, chosen.as_ref().unwrap_or(place))?;
        let secret = NewSecret::generate(record.key.kind(), &context.settings.brand)?;
        let owner = self.vault.owner_of_seal(record.id, &record.key.tail)?;
        let nonce = random()?;
        let begun = AutomaticRotation {
            tail: secret.tail(),
            destination: target.destination.text(),
            progress: RotationProgress::Begun,
            since: Context::clock(),
            after_at: None,
            held: None,
            sealed: old.map(|old| secret.seal_old(&old, &owner, nonce)),
        };
        let pending = AutomaticSecret {
            replacement: SecretReplacement {
                seen: record,
                secret,
                transition: Transition::WithGrace(Grace::longest()),
                target: &target,
                context,
            },
            before,
            begun,
        };
        context.deliver(&pending, self.vault, &context.author(Action::Rotate))?;
        Ok(())
    }

    /// The key's secret, if the destination shows it: it can be delivered again.
    fn current_secret(
        &self,
        record: &Record,
        place: &RotationPlace,
    ) -> Result<Option<Secret>, Error> {
        let Ok(Some(held)) = place.secret(record, self.context) else {
            return Ok(None);
        };
        let is_it = is_of_key(&held, &record.key.tail, record, self.vault)?;
        Ok(is_it.then_some(held))
    }

    /// Continues a rotation whose new secret may have been delivered before it became valid: the
    /// destination shows whether it was.
    pub(super) fn resume(
        &mut self,
        record: &Record,
        begun: &AutomaticRotation,
        place: Option<&RotationPlace>,
    ) -> Result<(), Error> {
        let contents = place.map_or(Ok(None), |place| place.contents(record, self.context))?;
        let Some(held) = contents else {
            return self.resume_unseen(record, begun, place);
        };
        let delivered = held.filter(|held| held.tail() == begun.tail);
        let Some((delivered, place)) = delivered.zip(place) else {
            return self.forget(record, begun);
        };
        let is_pending = self.vault.pending(&begun.tail)?;
        let is_pending = is_pending.is_some_and(|verifier| {
            let matches = verifier.matches(&delivered, &mut HashMemory::default());
            matches.unwrap_or_default()
        });
        if is_pending {
            return self.activate_delivered(record, begun, Some(place));
        }
        // It was dropped meanwhile, so that nothing valid is in the destination.
        self.leftover = Some(begun.tail.clone());
        let owner = self.vault.owner_of_seal(record.id, &record.key.tail)?;
        let old = begun.sealed.as_ref();
        if let Some(old) = old.and_then(|sealed| sealed.open(&delivered, &owner)) {
            let target = place.target(
                &record.key,
                self.leftover.as_ref(),
                self.vault,
                self.context,
            )?;
            self.deliver_old(old, record, &target)?;
        }
        self.forget(record, begun)
    }

    /// The same where nothing can be read back: a secret that may have been delivered becomes valid,
    /// which does no harm beside the old one.
    fn resume_unseen(
        &mut self,
        record: &Record,
        begun: &AutomaticRotation,
        place: Option<&RotationPlace>,
    ) -> Result<(), Error> {
        match self.vault.pending(&begun.tail)? {
            Some(_) => self.activate_delivered(record, begun, place),
            None => self.forget(record, begun),
        }
    }

    fn activate_delivered(
        &mut self,
        record: &Record,
        begun: &AutomaticRotation,
        place: Option<&RotationPlace>,
    ) -> Result<(), Error> {
        let author = self.context.author(Action::Rotate);
        let server = place.and_then(|place| place.server.as_ref());
        let server = server.map(ToString::to_string);
        self.vault.change(&author, |change| {
            let key = activate(record, begun, change)?;
            match &begun.destination {
                Some(destination) => {
                    change.remember_delivery(&key.name, destination, server.as_deref())
                }
                None => Ok(()),
            }
        })?;
        Ok(())
    }

    pub(super) fn forget(
        &mut self,
        record: &Record,
        begun: &AutomaticRotation,
    ) -> Result<(), Error> {
        let author = self.context.author(Action::Rotate);
        let forget = |change: &Change<'_>| change.save_rotation(record, Some(begun), None);
        Ok(self.vault.change(&author, forget)?)
    }
}
