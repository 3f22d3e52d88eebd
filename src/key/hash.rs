//! The hash of a secret in the vault: Argon2id as a PHC string, or whatever hash a password was
//! imported with.

mod argon;
mod crypt;
mod digest;
mod error;
mod imported;
mod unsupported;

use std::fmt;
use std::str::FromStr;

use argon2::Algorithm;
use argon2::password_hash::phc::PasswordHash;

use super::Secret;
pub use argon::{HashMemory, SALT};
pub(super) use argon::{fill, within_cap};
use argon::{fresh, is_cheap, matches};
pub use error::HashError;
use imported::ImportedHash;
pub use imported::{FORBIDDEN_IN_PASSWORDS, plaintext};
pub use unsupported::UnsupportedHash;

/// The hash of a secret, as a PHC string that mail servers read; or that of an imported password,
/// preceded by its scheme in braces.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(HashForm);

#[derive(Clone, PartialEq, Eq)]
enum HashForm {
    Own(Box<PasswordHash>),
    Imported(ImportedHash),
}

impl Hash {
    /// Hashes a secret with a random salt.
    ///
    /// # Errors
    /// [`HashError::NoMemory`].
    pub fn of(
        secret: &Secret,
        salt: [u8; SALT],
        memory: &mut HashMemory,
    ) -> Result<Self, HashError> {
        let phc = fresh(secret.expose(), salt, memory)?;
        Ok(Self(HashForm::Own(Box::new(phc))))
    }

    /// Hashes an imported password with a random salt.
    ///
    /// # Errors
    /// [`HashError::NoMemory`].
    pub fn of_password(
        password: &str,
        salt: [u8; SALT],
        memory: &mut HashMemory,
    ) -> Result<Self, HashError> {
        let phc = fresh(password, salt, memory)?;
        Ok(Self(HashForm::Imported(ImportedHash::Argon2(
            Algorithm::Argon2id,
            Box::new(phc),
        ))))
    }

    /// Imports the hash of a password: with its scheme in braces, or recognized by its prefix.
    ///
    /// # Errors
    /// If it is not supported here, or not by Dovecot.
    pub fn import(text: &str) -> Result<Self, UnsupportedHash> {
        ImportedHash::read(text).map(|imported| Self(HashForm::Imported(imported)))
    }

    /// Imports the hash of one of our own secrets with its scheme.
    pub fn of_secret(&self) -> Option<Self> {
        match &self.0 {
            HashForm::Imported(ImportedHash::Argon2(Algorithm::Argon2id, phc)) => {
                Some(Self(HashForm::Own(phc.clone())))
            }
            _ => None,
        }
    }

    /// The scheme's name in Dovecot.
    pub fn scheme(&self) -> &'static str {
        match &self.0 {
            HashForm::Own(_) => "ARGON2ID",
            HashForm::Imported(imported) => imported.scheme(),
        }
    }

    /// Whether this is the hash of what was presented; compares in constant time.
    ///
    /// # Errors
    /// [`HashError::TooCostly`] if checking would exceed the limit; nothing is hashed then.
    /// [`HashError::NoMemory`].
    pub fn matches(&self, presented: &str, memory: &mut HashMemory) -> Result<bool, HashError> {
        match &self.0 {
            HashForm::Own(phc) => matches(Algorithm::Argon2id, phc, presented, memory),
            HashForm::Imported(imported) => imported.matches(presented, memory),
        }
    }

    /// Whether it uses less memory or fewer passes than a new one; for an imported one, whether
    /// guessing is too cheap.
    pub fn is_cheap(&self) -> bool {
        match &self.0 {
            HashForm::Own(phc) => is_cheap(Algorithm::Argon2id, phc),
            HashForm::Imported(imported) => imported.is_cheap(),
        }
    }

    /// Whether Dovecot 2.4 refuses it unless weak schemes are allowed (doc.dovecot.org,
    /// `auth_allow_weak_schemes`).
    pub fn is_refused_by_dovecot_2_4(&self) -> bool {
        match &self.0 {
            HashForm::Own(_) => false,
            HashForm::Imported(imported) => imported.is_refused_by_dovecot_2_4(),
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            HashForm::Own(phc) => phc.fmt(f),
            HashForm::Imported(imported) => imported.fmt(f),
        }
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(…)")
    }
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        if text.starts_with('{') {
            return Self::import(text).map_err(|_| HashError::Unknown);
        }
        let phc = PasswordHash::new(text).map_err(|_| HashError::TooCostly)?;
        let is_whole = within_cap(&phc).is_some() && phc.salt.is_some() && phc.hash.is_some();
        is_whole
            .then_some(Self(HashForm::Own(Box::new(phc))))
            .ok_or(HashError::TooCostly)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Brand, Kind};
    use rand::rngs::SysRng;

    fn secret() -> Secret {
        Secret::generate(Kind::Api, &Brand::default(), &mut SysRng).expect("random numbers")
    }

    #[test]
    fn a_hash_matches_its_own_secret_only() {
        let (secret, other) = (secret(), self::secret());
        let mut memory = HashMemory::default();
        let hash = Hash::of(&secret, [7; SALT], &mut memory).expect("memory");
        assert_eq!(hash.matches(secret.expose(), &mut memory), Ok(true));
        assert_eq!(hash.matches(other.expose(), &mut memory), Ok(false));
        assert_eq!(hash.matches(secret.expose(), &mut memory), Ok(true));
    }

    #[test]
    fn a_hash_is_a_phc_string_with_the_documented_parameters() {
        let memory = &mut HashMemory::default();
        let hash = Hash::of(&secret(), [7; SALT], memory);
        let text = hash.expect("memory").to_string();
        assert!(
            text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{text}"
        );
        assert_eq!(
            text.parse::<Hash>().expect("its own form").to_string(),
            text
        );
    }

    #[test]
    fn a_too_costly_hash_is_refused_before_hashing() {
        for head in [
            "$argon2id$v=19$m=4194304,t=2,p=1",
            "$argon2id$v=19$m=19456,t=4000000,p=1",
            "$argon2id$v=19$m=19456,t=2,p=64",
            "$argon2i$v=19$m=19456,t=2,p=1",
            "$argon2id$v=16$m=19456,t=2,p=1",
        ] {
            let phc =
                format!("{head}$c2FsdHNhbHRzYWx0c2E$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
            assert_eq!(phc.parse::<Hash>(), Err(HashError::TooCostly), "{head}");
        }
    }
}
