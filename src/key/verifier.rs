//! What the vault stores of a secret to verify it.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::{Hash, HashError, HashMemory, Invalid, Kind, SALT, Secret};

/// SHA-256 of a secret. Sufficient for its 256 random bits, which cannot be guessed, however fast
/// (OWASP and NIST SP 800-63B require a slow hash for passwords chosen by people).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a secret.
    pub fn of(secret: &Secret) -> Self {
        Self(Sha256::digest(secret.expose()).into())
    }

    /// A stored digest; `None` if it does not have 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes, for storage.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are equal; compares in constant time.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", base16ct::HexDisplay(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

impl FromStr for Digest {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut bytes = [0; 32];
        let has_length = text.len() == 2 * bytes.len();
        if !has_length || base16ct::lower::decode(text, &mut bytes).is_err() {
            let rule = "a digest is 64 lowercase hexadecimal digits";
            return Err(Invalid::new("a digest", text, rule));
        }
        Ok(Self(bytes))
    }
}

/// What a vault stores of a secret: a digest, a hash, or for an SMTP secret both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    /// For every secret created or presented since digests were introduced; postkey itself uses it
    /// to verify secrets.
    digest: Option<Digest>,
    /// For mail servers to verify an SMTP secret; the only one for an imported password, and for an
    /// older secret.
    hash: Option<Box<Hash>>,
}

impl Verifier {
    /// The verifier of a new secret. Only an SMTP secret is hashed with Argon2id.
    ///
    /// # Errors
    /// [`HashError::NoMemory`].
    pub fn of(
        secret: &Secret,
        kind: Kind,
        salt: [u8; SALT],
        memory: &mut HashMemory,
    ) -> Result<Self, HashError> {
        let hash = match kind {
            Kind::Smtp => Some(Hash::of(secret, salt, memory)?),
            Kind::Api => None,
        };
        Ok(Self {
            digest: Some(Digest::of(secret)),
            hash: hash.map(Box::new),
        })
    }

    /// A stored verifier; `None` if it has neither.
    pub fn new(digest: Option<Digest>, hash: Option<Hash>) -> Option<Self> {
        let hash = hash.map(Box::new);
        (digest.is_some() || hash.is_some()).then_some(Self { digest, hash })
    }

    /// The secret's digest, if it is known.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The hash for mail servers, if there is one.
    pub fn hash(&self) -> Option<&Hash> {
        self.hash.as_deref()
    }

    /// The part that postkey itself needs.
    #[must_use]
    pub fn own(self) -> Self {
        let hash = self.hash.filter(|_| self.digest.is_none());
        Self { hash, ..self }
    }

    /// The scheme by which other programs can verify the secret, by Dovecot's name.
    pub fn scheme(&self) -> &'static str {
        self.hash().map_or("SHA256", Hash::scheme)
    }

    /// Whether the presented text is that secret: by its digest, or by its hash if there is no
    /// digest.
    ///
    /// # Errors
    /// [`HashError::TooCostly`] if checking a hash would exceed the maximum cost; nothing is hashed
    /// then. [`HashError::NoMemory`].
    pub fn matches(&self, presented: &Secret, memory: &mut HashMemory) -> Result<bool, HashError> {
        match &self.digest {
            Some(digest) => Ok(digest.is(&Digest::of(presented))),
            None => self.matches_hash(presented.expose(), memory),
        }
    }

    /// Whether the presented text has that hash; false without a hash.
    pub fn matches_hash(
        &self,
        presented: &str,
        memory: &mut HashMemory,
    ) -> Result<bool, HashError> {
        let hash = self.hash.as_ref();
        hash.map_or(Ok(false), |hash| hash.matches(presented, memory))
    }
}

impl From<Hash> for Verifier {
    fn from(hash: Hash) -> Self {
        Self {
            digest: None,
            hash: Some(Box::new(hash)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Brand;
    use rand::rngs::SysRng;
    use strum::VariantArray;

    fn secret(kind: Kind) -> Secret {
        Secret::generate(kind, &Brand::default(), &mut SysRng).expect("random numbers")
    }

    fn verifier(secret: &Secret, kind: Kind) -> Verifier {
        let memory = &mut HashMemory::default();
        Verifier::of(secret, kind, [7; SALT], memory).expect("memory")
    }

    #[test]
    fn a_secret_only_matches_its_own_verifier() {
        let memory = &mut HashMemory::default();
        for &kind in Kind::VARIANTS {
            let (own, other) = (secret(kind), secret(kind));
            let whole = verifier(&own, kind);
            assert_eq!(whole.hash().is_some(), kind == Kind::Smtp);
            let hash = Hash::of(&own, [7; SALT], memory).expect("memory");
            for kept in [whole, Verifier::from(hash)] {
                assert_eq!(kept.matches(&own, memory), Ok(true));
                assert_eq!(kept.matches(&other, memory), Ok(false));
            }
        }
    }

    #[test]
    fn the_digest_counts_and_not_the_hash_beside_it() {
        let memory = &mut HashMemory::default();
        let (own, other) = (secret(Kind::Smtp), secret(Kind::Smtp));
        let hash = Hash::of(&other, [7; SALT], memory).expect("memory");
        let mixed = Verifier::new(Some(Digest::of(&own)), Some(hash)).expect("both");
        assert_eq!(mixed.matches(&own, memory), Ok(true));
        assert_eq!(mixed.matches(&other, memory), Ok(false));
    }

    #[test]
    fn a_digest_is_the_sha_256_of_the_text_in_lowercase_hexadecimal() {
        let digest = Digest::of(&secret(Kind::Api));
        let text = digest.to_string();
        assert_eq!(text.parse::<Digest>().expect("its own form"), digest);
        assert_eq!(Digest::from_bytes(digest.as_bytes()), Some(digest));
        assert_eq!(Digest::from_bytes(&[0; 31]), None);
        let wrong = [
            "",
            &text[1..],
            &"A".repeat(64),
            &format!("{text}0"),
            &"g".repeat(64),
        ];
        for wrong in wrong {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }
}
