//! The old secret of an automatic rotation, encrypted with a key made from the new one, so that it
//! can be delivered again if the new one is never used.
//!
//! Only the destination has the new secret, so that what is stored opens nothing by itself. The
//! 256 random bits need no slow hash: HKDF-Extract (RFC 5869, section 2.2) with SHA-256 makes the
//! key. The secret is the message there, never HMAC's key, which is hashed alone if it is longer
//! than a block, as a secret is: that would be its digest, which the vault stores.

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{AssociatedData, Secret};

/// The scheme, which the key depends on.
const SCHEME: &[u8] = b"postkey old secret, hkdf-sha256, xchacha20poly1305, 1";

/// An encrypted old secret, as stored: the nonce and the ciphertext.
#[derive(Clone, PartialEq, Eq)]
pub struct RestoreSeal(Vec<u8>);

impl RestoreSeal {
    /// The length of a nonce in bytes.
    pub const NONCE: usize = 24;

    /// Seals an old secret with the new one; `owner` is the vault, the key and the old secret.
    pub fn new(
        old: &Secret,
        new: &Secret,
        owner: &AssociatedData,
        nonce: [u8; Self::NONCE],
    ) -> Self {
        // With room for the tag, so that no copy is left behind.
        let mut bytes = Vec::with_capacity(old.expose().len() + 16);
        bytes.extend_from_slice(old.expose().as_bytes());
        cipher(new)
            .encrypt_in_place(&nonce.into(), &owner.framed(SCHEME), &mut bytes)
            .expect("a secret is far shorter than the cipher's 256 GiB");
        Self([&nonce[..], &bytes].concat())
    }

    /// What was stored.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// For storage.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The old secret; `None` if it was sealed with another one or for another owner, or altered.
    pub fn open(&self, new: &Secret, owner: &AssociatedData) -> Option<Secret> {
        let (nonce, sealed) = self.0.split_first_chunk::<{ Self::NONCE }>()?;
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let opened =
            cipher(new).decrypt_in_place(&(*nonce).into(), &owner.framed(SCHEME), &mut *bytes);
        opened.ok()?;
        let secret = Secret::parse(std::str::from_utf8(&bytes).ok()?).ok()?;
        (secret.tail() == owner.tail).then_some(secret)
    }
}

impl std::fmt::Debug for RestoreSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RestoreSeal(…)")
    }
}

fn cipher(new: &Secret) -> XChaCha20Poly1305 {
    let extract = Hmac::<Sha256>::new_from_slice(SCHEME);
    let mut extract = extract.expect("HMAC takes keys of any length");
    extract.update(new.expose().as_bytes());
    let key = Zeroizing::new(<[u8; 32]>::from(extract.finalize().into_bytes()));
    XChaCha20Poly1305::new((&*key).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Brand, Digest, Kind};
    use rand::rngs::SysRng;

    fn secret() -> Secret {
        Secret::generate(Kind::Api, &Brand::default(), &mut SysRng).expect("random numbers")
    }

    fn owner(old: &Secret) -> AssociatedData {
        AssociatedData {
            vault: vec![7; 32],
            key: 3,
            tail: old.tail(),
        }
    }

    #[test]
    fn a_sealed_secret_opens_with_the_new_one_only() {
        let (old, new) = (secret(), secret());
        let owner = owner(&old);
        let seal = RestoreSeal::new(&old, &new, &owner, [1; RestoreSeal::NONCE]);
        assert_eq!(seal.open(&new, &owner), Some(old));
        assert_eq!(seal.open(&secret(), &owner), None);
        for other in [
            AssociatedData {
                vault: vec![8; 32],
                ..owner.clone()
            },
            AssociatedData {
                key: 4,
                ..owner.clone()
            },
            AssociatedData {
                tail: new.tail(),
                ..owner.clone()
            },
        ] {
            assert_eq!(seal.open(&new, &other), None, "{other:?}");
        }
        for at in 0..seal.as_bytes().len() {
            let mut bytes = seal.as_bytes().to_vec();
            bytes[at] ^= 1;
            assert_eq!(RestoreSeal::from_bytes(bytes).open(&new, &owner), None);
        }
        assert_eq!(RestoreSeal::from_bytes(vec![0; 9]).open(&new, &owner), None);
    }

    #[test]
    fn what_the_vault_stores_of_the_new_secret_does_not_open_it() {
        let (old, new) = (secret(), secret());
        let owner = owner(&old);
        let seal = RestoreSeal::new(&old, &new, &owner, [1; RestoreSeal::NONCE]);
        let digest = Digest::of(&new);
        // As HMAC's key the secret would be hashed first, and its digest be equivalent.
        let mut extract = Hmac::<Sha256>::new_from_slice(digest.as_bytes()).expect("a key");
        extract.update(SCHEME);
        let key: [u8; 32] = extract.finalize().into_bytes().into();
        for key in [key, digest.as_bytes().try_into().expect("32 bytes")] {
            let mut bytes = seal.as_bytes()[RestoreSeal::NONCE..].to_vec();
            let opened = XChaCha20Poly1305::new((&key).into()).decrypt_in_place(
                &[1; RestoreSeal::NONCE].into(),
                &owner.framed(SCHEME),
                &mut bytes,
            );
            assert!(opened.is_err());
        }
    }
}
