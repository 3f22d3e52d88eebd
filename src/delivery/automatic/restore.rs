//! Ends an automatic rotation whose new secret was never used: the destination gets the old one
//! again, and the new one is removed.

use crate::context::Context;
use crate::delivery::automatic::key_rotation::KeyRotation;
use crate::delivery::automatic::place::{RotationPlace, is_of_key};
use crate::delivery::target::Target;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::Synced;
use crate::key::{Key, Secret};
use crate::rotation::{HoldReason, RotationProgress};
use crate::ui::{Issued, KeyView};
use crate::vault::{self, Action, Author, AutomaticRotation, Change, HeldRotation, Record};

impl KeyRotation<'_> {
    /// Delivers the old secret again. That is stored first: from then on, the destination may have
    /// either secret.
    ///
    /// # Errors
    /// If it is not known, or cannot be delivered.
    pub(super) fn restore(
        &mut self,
        record: &Record,
        rotation: &AutomaticRotation,
        place: Option<&RotationPlace>,
    ) -> Result<(), Error> {
        let Some(place) = place else {
            return Err(cannot("its destination is no longer known"));
        };
        let Some(tail) = record.key.retiring.as_ref().map(|old| &old.tail) else {
            return Err(cannot("there is no old secret"));
        };
        let Some(held) = place.secret(record, self.context)? else {
            return Err(cannot("the destination does not show the new secret"));
        };
        let restoring = match rotation.progress {
            RotationProgress::Restoring => rotation.clone(),
            _ => rotation.advanced(RotationProgress::Restoring, Context::clock()),
        };
        if !is_of_key(&held, tail, record, self.vault)? {
            let owner = self.vault.owner_of_seal(record.id, tail)?;
            let old = rotation.sealed.as_ref();
            let old = old.and_then(|sealed| sealed.open(&held, &owner));
            let Some(old) = old else {
                return Err(cannot("the destination holds another value"));
            };
            if !is_of_key(&old, tail, record, self.vault)? {
                return Err(cannot("it is no longer valid"));
            }
            // Its variables are those that hold the new one.
            let before = record.key.finished();
            let target = place.target(&before, None, self.vault, self.context)?;
            self.save(record, rotation, &restoring)?;
            self.deliver_old(old, record, &target)?;
        } else {
            self.save(record, rotation, &restoring)?;
        }
        let restored = restoring.advanced(RotationProgress::Restored, Context::clock());
        self.save(record, &restoring, &restored)
    }

    /// Delivers a secret that was valid all the time.
    pub(super) fn deliver_old(
        &mut self,
        old: Secret,
        record: &Record,
        target: &Target<'_>,
    ) -> Result<(), Error> {
        let view = KeyView::new(&record.key, Context::clock());
        let delivered = target.deliver(Issued::new(view, &old), self.vault, self.context);
        delivered?.sync(&mut Synced::default())?;
        Ok(())
    }

    /// Retires the old secret.
    pub(super) fn finish(
        &mut self,
        record: &Record,
        rotation: &AutomaticRotation,
    ) -> Result<(), Error> {
        let author = self.context.author(Action::FinishRotation);
        self.end(record, rotation, None, &author, |key, _| {
            Some(key.finished())
        })
    }

    /// Removes the new secret.
    pub(super) fn remove_new(
        &mut self,
        record: &Record,
        rotation: &AutomaticRotation,
    ) -> Result<(), Error> {
        let now = Context::clock();
        let aborted = AutomaticRotation {
            held: Some(HeldRotation {
                reason: HoldReason::NewSecretUnused,
                at: now,
                detail: None,
            }),
            sealed: None,
            ..rotation.advanced(RotationProgress::Aborted, now)
        };
        let author = self.context.author(Action::AbortRotation);
        self.end(record, rotation, Some(&aborted), &author, |key, change| {
            key.rolled_back(change.now())
        })
    }

    /// Leaves the key with one secret, provided it is the rotation that was decided about.
    fn end(
        &mut self,
        record: &Record,
        rotation: &AutomaticRotation,
        after: Option<&AutomaticRotation>,
        author: &Author,
        choose: impl Fn(&Key, &Change<'_>) -> Option<Key>,
    ) -> Result<(), Error> {
        let ended = self.vault.change(author, |change| {
            let found = change.find(&record.key.name)?;
            let is_same = found.id == record.id && found.key.tail == record.key.tail;
            let is_same = is_same && change.rotation(record.id)?.as_ref() == Some(rotation);
            match choose(&found.key, change).filter(|_| is_same) {
                Some(key) => change.keep_one_secret(&found, &key, after),
                None => Err(vault::Error::Changed(found.key.name)),
            }
        });
        Ok(ended?)
    }

    /// Stores how far it has got.
    pub(super) fn save(
        &mut self,
        record: &Record,
        before: &AutomaticRotation,
        after: &AutomaticRotation,
    ) -> Result<(), Error> {
        if before == after {
            return Ok(());
        }
        let author = self.context.author(Action::Rotate);
        let save = |change: &Change<'_>| change.save_rotation(record, Some(before), Some(after));
        Ok(self.vault.change(&author, save)?)
    }
}

fn cannot(why: &str) -> Error {
    let message = format!("cannot restore the old secret: {why}");
    Error::new(ExitStatus::No, message)
}
