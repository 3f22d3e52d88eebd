//! A new secret, and what the vault keeps of it.

use rand::rngs::SysRng;

use crate::context::random;
use crate::error::Error;
use crate::key::{Brand, HashMemory, Key, Kind, Sealer, Secret, Tail, Verifier};
use crate::ui::{Issued, KeyView};
use crate::vault::{self, Change, Record};

/// A secret that no key has yet.
pub struct NewSecret {
    secret: Secret,
    verifier: Verifier,
    /// Seals it for the default key.
    sealer: Option<Sealer>,
}

impl NewSecret {
    /// Makes a secret and what is kept of it from the system's random numbers.
    pub fn generate(kind: Kind, brand: &Brand) -> Result<Self, Error> {
        Self::generate_in(&mut HashMemory::default(), kind, brand)
    }

    /// The same, with memory for hashing that others had before.
    pub(super) fn generate_in(
        memory: &mut HashMemory,
        kind: Kind,
        brand: &Brand,
    ) -> Result<Self, Error> {
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

    /// The same, sealed for the default key if there is a sealer.
    pub fn sealed_by(self, sealer: Option<Sealer>) -> Self {
        Self { sealer, ..self }
    }

    /// Whether it will be sealed.
    pub fn is_sealed(&self) -> bool {
        self.sealer.is_some()
    }

    /// The public ending of the secret.
    pub fn tail(&self) -> Tail {
        self.secret.tail()
    }

    /// Keeps it in the vault as pending.
    pub fn stage(&self, change: &Change<'_>) -> Result<(), vault::Error> {
        change.stage(&self.tail(), &self.verifier)
    }

    /// It with its key, as it is delivered.
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

    /// Replaces a key's secret with it.
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
