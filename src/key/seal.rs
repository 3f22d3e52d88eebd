//! A secret encrypted with a passphrase, so that the default key's can be shown again.
//!
//! Argon2id derives a key from the passphrase, and XChaCha20-Poly1305 encrypts the secret with it.
//! The owner is authenticated as associated data, so that a modified seal, or one from another
//! vault, key or secret, does not open.

use std::fmt;

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use zeroize::Zeroizing;

use super::hash::{HashError, HashMemory, fill, within_cap};
use super::{Passphrase, Secret, Tail};

/// Key derivation: 64 MiB, three passes, one lane (RFC 9106, section 4, with one lane instead of
/// four: nothing here is hashed in parallel).
const KDF: &str = "$argon2id$v=19$m=65536,t=3,p=1";

/// The scheme, with which the associated data begins.
const SCHEME: &[u8] = b"postkey default key, argon2id, xchacha20poly1305, 1";

/// The length of a seal's salt in bytes.
const SALT: usize = 16;

/// The length of a seal's nonce in bytes.
const NONCE: usize = 24;

/// What a seal belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssociatedData {
    /// The identity of the vault.
    pub vault: Vec<u8>,
    /// The key's number.
    pub key: i64,
    /// The tail of the key's secret.
    pub tail: Tail,
}

impl AssociatedData {
    /// The associated data: every part preceded by its length.
    fn with(&self, kdf: &str) -> Vec<u8> {
        [framed(SCHEME), self.framed(kdf.as_bytes())].concat()
    }

    /// The same of another scheme.
    pub(super) fn framed(&self, scheme: &[u8]) -> Vec<u8> {
        let key = self.key.to_le_bytes();
        let parts = [scheme, &self.vault, &key, self.tail.as_str().as_bytes()];
        parts.map(framed).concat()
    }
}

/// A part of the associated data, preceded by its length.
fn framed(part: &[u8]) -> Vec<u8> {
    [&(part.len() as u64).to_le_bytes(), part].concat()
}

/// An encrypted secret, as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Seal {
    /// The key derivation's parameters, as a PHC string.
    pub kdf: String,
    /// The passphrase's salt.
    pub salt: [u8; SALT],
    /// The encryption's nonce.
    pub nonce: [u8; NONCE],
    /// The encrypted secret.
    pub secret: Vec<u8>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({})", self.kdf)
    }
}

/// Why a seal does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The passphrase is wrong, or the seal was modified.
    #[error("wrong passphrase (or the sealed secret was altered)")]
    Refused,
    /// It requires another hash than Argon2id, or exceeds the maximum cost; nothing was hashed.
    #[error("its sealed secret does not use Argon2id of at most m=240 MiB, t=10, p=4")]
    TooCostly,
    /// The decrypted text is not the expected secret.
    #[error("its sealed secret is a different one")]
    AnotherSecret,
    /// There is not enough memory for the hash.
    #[error("not enough memory to hash the passphrase (64 MiB)")]
    NoMemory,
}

impl From<HashError> for SealError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::TooCostly | HashError::Unknown | HashError::Missing => Self::TooCostly,
            HashError::NoMemory => Self::NoMemory,
        }
    }
}

/// A key derived from a passphrase, to seal one secret; wiped on drop.
pub struct Sealer {
    key: Zeroizing<[u8; 32]>,
    salt: [u8; SALT],
    nonce: [u8; NONCE],
}

impl Sealer {
    /// Derives the key, which is slow, with random salt and nonce.
    ///
    /// # Errors
    /// [`SealError::NoMemory`].
    pub fn new(
        passphrase: &Passphrase,
        salt: [u8; SALT],
        nonce: [u8; NONCE],
    ) -> Result<Self, SealError> {
        let key = derive(passphrase, KDF, &salt)?;
        Ok(Self { key, salt, nonce })
    }

    /// Seals a secret for its owner; fast.
    pub fn seal(&self, secret: &Secret, associated_data: &AssociatedData) -> Seal {
        let mut bytes = Vec::with_capacity(secret.expose().len() + 16);
        bytes.extend_from_slice(secret.expose().as_bytes());
        XChaCha20Poly1305::new((&*self.key).into())
            .encrypt_in_place(&self.nonce.into(), &associated_data.with(KDF), &mut bytes)
            .expect("a secret is far shorter than the cipher's 256 GiB");
        Seal {
            kdf: KDF.to_owned(),
            salt: self.salt,
            nonce: self.nonce,
            secret: bytes,
        }
    }
}

impl Seal {
    /// Checks, before prompting and hashing, that opening does not exceed the maximum cost.
    ///
    /// # Errors
    /// [`SealError::TooCostly`].
    pub fn check(&self) -> Result<(), SealError> {
        params(&self.kdf).map(|_| ())
    }

    /// Opens the seal of its owner.
    pub fn open(
        &self,
        passphrase: &Passphrase,
        associated_data: &AssociatedData,
    ) -> Result<Secret, SealError> {
        let key = derive(passphrase, &self.kdf, &self.salt)?;
        let mut bytes = Zeroizing::new(self.secret.clone());
        XChaCha20Poly1305::new((&*key).into())
            .decrypt_in_place(
                &self.nonce.into(),
                &associated_data.with(&self.kdf),
                &mut *bytes,
            )
            .map_err(|_| SealError::Refused)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| SealError::AnotherSecret)?;
        let secret = Secret::parse(text).map_err(|_| SealError::AnotherSecret)?;
        if secret.tail() == associated_data.tail {
            Ok(secret)
        } else {
            Err(SealError::AnotherSecret)
        }
    }
}

fn params(kdf: &str) -> Result<Params, SealError> {
    let phc = PasswordHash::new(kdf).map_err(|_| SealError::TooCostly)?;
    within_cap(&phc).ok_or(SealError::TooCostly)
}

fn derive(
    passphrase: &Passphrase,
    kdf: &str,
    salt: &[u8],
) -> Result<Zeroizing<[u8; 32]>, SealError> {
    let mut key = Zeroizing::new([0; 32]);
    let memory = &mut HashMemory::default();
    let text = passphrase.expose().as_bytes();
    fill(&mut *key, text, salt, params(kdf)?, memory)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Brand, Kind};
    use rand::rngs::SysRng;

    fn secret() -> Secret {
        Secret::generate(Kind::Smtp, &Brand::default(), &mut SysRng).expect("random numbers")
    }

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(Zeroizing::new(text.to_owned()))
    }

    fn associated_data(secret: &Secret) -> AssociatedData {
        AssociatedData {
            vault: vec![7; 32],
            key: 3,
            tail: secret.tail(),
        }
    }

    fn sealed(secret: &Secret) -> Seal {
        let sealer = Sealer::new(&passphrase("a good passphrase"), [1; 16], [2; 24]);
        sealer
            .expect("memory")
            .seal(secret, &associated_data(secret))
    }

    #[test]
    fn a_seal_opens_with_its_passphrase_only() {
        let secret = secret();
        let (seal, associated_data) = (sealed(&secret), associated_data(&secret));
        let open = |text: &str| seal.open(&passphrase(text), &associated_data);
        assert_eq!(open("a good passphrase"), Ok(secret));
        for wrong in [
            "",
            "a good passphras",
            "A good passphrase",
            "a good passphrase ",
        ] {
            assert_eq!(open(wrong), Err(SealError::Refused), "{wrong:?}");
        }
    }

    #[test]
    fn a_seal_opens_with_a_passphrase_too_weak_for_a_new_one() {
        let old = passphrase("aaaaaaaaaaaa");
        assert!(old.expect_strong().is_err());
        let secret = secret();
        let associated_data = associated_data(&secret);
        let sealer = Sealer::new(&old, [1; 16], [2; 24]).expect("memory");
        let seal = sealer.seal(&secret, &associated_data);
        assert_eq!(seal.open(&old, &associated_data), Ok(secret));
    }

    #[test]
    fn a_seal_opens_only_for_what_it_is_bound_to() {
        let (secret, other) = (secret(), self::secret());
        let (seal, right) = (sealed(&secret), associated_data(&secret));
        let vault = vec![8; 32];
        for associated_data in [
            AssociatedData {
                vault,
                ..right.clone()
            },
            AssociatedData {
                key: 4,
                ..right.clone()
            },
            AssociatedData {
                tail: other.tail(),
                ..right.clone()
            },
        ] {
            let opened = seal.open(&passphrase("a good passphrase"), &associated_data);
            assert_eq!(opened, Err(SealError::Refused), "{associated_data:?}");
        }
    }

    #[test]
    fn a_too_costly_seal_is_refused_before_hashing() {
        let secret = secret();
        for kdf in [
            "$argon2id$v=19$m=4194304,t=3,p=1",
            "$argon2id$v=19$m=65536,t=4000000,p=1",
            "$argon2id$v=19$m=65536,t=3,p=64",
            "$argon2i$v=19$m=65536,t=3,p=1",
            "$argon2id$v=16$m=65536,t=3,p=1",
            "argon2id",
            "",
        ] {
            let seal = Seal {
                kdf: kdf.to_owned(),
                ..sealed(&secret)
            };
            assert_eq!(seal.check(), Err(SealError::TooCostly), "{kdf}");
            let opened = seal.open(&passphrase("a good passphrase"), &associated_data(&secret));
            assert_eq!(opened, Err(SealError::TooCostly), "{kdf}");
        }
    }

    #[test]
    fn debug_shows_neither_passphrase_nor_seal() {
        assert_eq!(format!("{:?}", passphrase("hidden")), "Passphrase(…)");
        assert_eq!(format!("{:?}", sealed(&secret())), format!("Seal({KDF})"));
    }
}
