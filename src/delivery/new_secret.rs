//! A new secret and its verifier.

use rand::rngs::SysRng;

use crate::context::random;
use crate::error::Error;
use crate::key::{
    AssociatedData, Brand, HashMemory, Key, KeyPolicy, Kind, RestoreSeal, Sealer, Secret, Tail,
    Verifier,
};
use crate::ui::{Issued, KeyView};
use crate::vault::{self, Change, Record};

/// A secret that does not belong to a key yet.
pub struct NewSecret {
    secret: Secret,
    verifier: Verifier,
    /// Encrypts it for the default key.
    sealer: Option<Sealer>,
}

impl NewSecret {
    /// Creates a random secret and its verifier.
    pub fn generate(kind: Kind, brand: &Brand) -> Result<Self, Error> {
        Self::generate_in(&mut HashMemory::default(), kind, brand)
    }

    /// The same, reusing memory for hashing.
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

    /// A secret that was staged before, with its verifier.
    pub fn of(secret: Secret, verifier: Verifier) -> Self {
        Self {
            secret,
            verifier,
            sealer: None,
        }
    }

    /// The same, encrypted for the default key if a sealer is given.
    pub fn sealed_by(self, sealer: Option<Sealer>) -> Self {
        Self { sealer, ..self }
    }

    /// Whether it will be encrypted for the default key.
    pub fn is_sealed(&self) -> bool {
        self.sealer.is_some()
    }

    /// The tail of the secret.
    pub fn tail(&self) -> Tail {
        self.secret.tail()
    }

    /// Commits it as pending.
    pub fn stage(&self, change: &Change<'_>) -> Result<(), vault::Error> {
        change.stage(&self.tail(), &self.verifier)
    }

    /// The secret that it replaces, encrypted so that it opens with this one.
    pub(super) fn seal_old(
        &self,
        old: &Secret,
        owner: &AssociatedData,
        nonce: [u8; RestoreSeal::NONCE],
    ) -> RestoreSeal {
        RestoreSeal::new(old, &self.secret, owner, nonce)
    }

    /// The secret with its key, as it is delivered.
    pub fn issued<'a>(&'a self, key: KeyView<'a>) -> Issued<'a> {
        Issued::new(key, &self.secret)
    }

    /// Creates the key with its own policy.
    pub fn add(
        &self,
        key: &Key,
        policy: &KeyPolicy,
        change: &Change<'_>,
    ) -> Result<(), vault::Error> {
        match &self.sealer {
            None => change.add(key, policy),
            Some(sealer) => change.add_default(key, policy, |associated_data| {
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
