//! Handing out a secret: stage, deliver, activate.
//!
//! No order of printing and committing is perfect. A printed secret without a key is
//! harmless; a key whose secret nobody saw is an orphan, and where it replaces another an
//! outage. So the new secret is first committed as pending, which is where everything that
//! can fail fails; then written out; and only then made a key's.

mod batch;

pub mod options;
pub mod outcome;

use std::path::Path;

use jiff::Timestamp;
use rand::rngs::SysRng;

use crate::context::{Context, random};
pub use crate::delivery::batch::Supply;
use crate::delivery::options::Target;
use crate::error::Error;
use crate::key::{Brand, HashMemory, Key, Kind, Sealer, Secret, Tail, Verifier};
use crate::ui::{Issued, KeyView, another_secret};
use crate::vault::{self, Author, Change, Record, Vault};

/// A secret that no key has yet.
pub struct NewSecret {
    secret: Secret,
    verifier: Verifier,
    /// Seals it, if it is to be the default key's.
    sealer: Option<Sealer>,
}

impl NewSecret {
    /// Makes a secret and what is kept of it from the system's random numbers.
    pub fn generate(kind: Kind, brand: &Brand) -> Result<Self, Error> {
        Self::generate_in(&mut HashMemory::default(), kind, brand)
    }

    /// The same, with memory for hashing that others had before.
    fn generate_in(memory: &mut HashMemory, kind: Kind, brand: &Brand) -> Result<Self, Error> {
        let secret = Secret::generate(kind, brand, &mut SysRng).map_err(Error::no_random_bytes)?;
        let verifier =
            Verifier::of(&secret, kind, random()?, memory).map_err(vault::Error::from)?;
        Ok(Self::of(secret, verifier))
    }

    /// A secret that was staged before, and what is kept of it.
    pub fn of(secret: Secret, verifier: Verifier) -> Self {
        Self {
            secret,
            verifier,
            sealer: None,
        }
    }

    /// The same, to be sealed as the default key's if there is a sealer.
    pub fn sealed_by(self, sealer: Option<Sealer>) -> Self {
        Self { sealer, ..self }
    }

    /// Whether it will be sealed.
    pub fn is_sealed(&self) -> bool {
        self.sealer.is_some()
    }

    /// The secret itself, to be handed over.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The public ending of the secret.
    pub fn tail(&self) -> Tail {
        self.secret.tail()
    }

    /// Puts it in waiting.
    pub fn stage(&self, change: &Change<'_>) -> Result<(), vault::Error> {
        change.stage(&self.tail(), &self.verifier)
    }

    /// It with its key, as it is handed over.
    pub fn issued<'a>(&'a self, key: KeyView<'a>) -> Issued<'a> {
        Issued::new(key, &self.secret)
    }

    /// Adds the key whose secret it is.
    pub fn add(&self, key: &Key, change: &Change<'_>) -> Result<(), vault::Error> {
        match &self.sealer {
            None => change.add(key),
            Some(sealer) => change.add_default(key, |associated_data| {
                sealer.seal(&self.secret, associated_data)
            }),
        }
    }

    /// Gives it to a key in the place of the secret before.
    pub fn replace(
        &self,
        before: &Record,
        after: &Key,
        change: &Change<'_>,
    ) -> Result<(), vault::Error> {
        match &self.sealer {
            None => change.replace_secret(before, after),
            Some(sealer) => change.replace_default_secret(before, after, |associated_data| {
                sealer.seal(&self.secret, associated_data)
            }),
        }
    }
}

impl Context {
    /// Stages a fresh secret: `allow` must find that a key can have it.
    pub fn stage(
        &self,
        fresh: &NewSecret,
        vault: &mut Vault,
        author: &Author,
        allow: impl Fn(&Change<'_>) -> Result<(), vault::Error>,
    ) -> Result<(), vault::Error> {
        vault.change(author, |change| {
            allow(change)?;
            fresh.stage(change)
        })
    }

    /// Hands a staged secret over as the key's; `activate` makes it so.
    pub fn hand_over<T>(
        &self,
        fresh: &NewSecret,
        key: KeyView<'_>,
        target: &Target<'_>,
        vault: &mut Vault,
        author: &Author,
        activate: impl Fn(&Change<'_>) -> Result<T, vault::Error>,
    ) -> Result<T, Error> {
        let handed = target.take(fresh.issued(key), vault, self)?;
        let displaced = handed.displaced();
        let done = vault
            .change(author, activate)
            .map_err(|error| handed.not_good(&error))?;
        if let Some((path, tails)) = displaced {
            self.warn_of_displaced(&path, &tails, vault);
        }
        Ok(done)
    }

    /// Warns of secrets of other keys that were where the new one is now.
    fn warn_of_displaced(&self, path: &Path, tails: &[Tail], vault: &Vault) {
        for tail in tails {
            // The new secret is good, whatever this tells.
            let found = vault.presented(tail).ok().flatten();
            let current = found.filter(|found| found.retires_at.is_none());
            if let Some(key) = current.map(|found| found.record.key) {
                let (path, name) = (path.display(), &key.name);
                let another = another_secret(&key, "", Self::clock());
                self.ui.warn(format!(
                    "`{path}` held the only secret of `{name}`: if there is no copy, {another}"
                ));
            }
        }
    }

    /// Says of a new secret where it is, whether it can be shown again, and whether it is refused.
    pub fn tell_of_secret(
        &self,
        key: &Key,
        now: Timestamp,
        was_default: bool,
        fresh: &NewSecret,
        target: &Target<'_>,
    ) {
        target.tell("it", fresh.is_sealed(), self);
        if fresh.is_sealed() {
            self.ui
                .note("it stays the default key: `postkey reveal` shows the new secret");
        }
        self.warn_of_standing(key, now);
        self.tell_of_default(key, was_default && !fresh.is_sealed());
    }

    /// Says of the default key that its new secret was not sealed.
    pub fn tell_of_default(&self, key: &Key, was_default: bool) {
        if was_default {
            self.ui.warn(format!(
                "`{}` is no longer the default key: the new secret was not encrypted",
                key.name
            ));
        }
    }

    /// Warns if a new secret is refused.
    pub fn warn_of_standing(&self, key: &Key, now: Timestamp) {
        let effective_status = key.effective_status(now);
        if !effective_status.is_good() && !key.is_decoy {
            self.ui.warn(format!(
                "`{}` is {effective_status}: the new secret is refused until that changes",
                key.name
            ));
        }
    }
}

/// The key must not have been given another secret since it was looked at.
pub fn same_secret(found: &Record, seen: &Record) -> Result<(), vault::Error> {
    if found.key.tail == seen.key.tail {
        return Ok(());
    }
    Err(vault::Error::Changed(seen.key.name.clone()))
}
