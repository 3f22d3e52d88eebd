//! What the vault keeps instead of a secret: an Argon2id hash as a PHC string, or of a password
//! that was imported whatever hash it came with.

mod crypt;
mod digest;
mod imported;

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};

use super::Secret;
use crate::memory::Blocks;
use imported::ImportedHash;
pub use imported::{NEVER_IN_PASSWORDS, UnsupportedHash, in_clear};

/// 19456 KiB, two passes, one lane, 32 bytes (OWASP Password Storage Cheat Sheet).
const PARAMS: (u32, u32, u32) = (19_456, 2, 1);

/// The most that a stored hash may ask for; the argon2 crate trusts what is stored.
const MOST: (u32, u32, u32) = (240 * 1024, 10, 4);

/// The length of the salt in bytes.
pub const SALT: usize = 16;

/// The memory that hashing fills, kept from one hash to the next.
#[derive(Debug, Default)]
pub struct HashMemory(Option<Blocks>);

impl HashMemory {
    /// Memory for a hash; of more than our own hashes take, nothing is kept afterwards.
    fn blocks(&mut self, count: usize) -> Result<Blocks, HashError> {
        match self.0.take() {
            Some(kept) if kept.count() == count => Ok(kept),
            _ => Blocks::new(count).map_err(|_| HashError::NoMemory),
        }
    }

    fn keep(&mut self, blocks: Blocks) {
        self.0 = Some(blocks).filter(|blocks| blocks.count() <= PARAMS.0 as usize);
    }
}

/// The hash of a whole secret, as a PHC string that mail servers read; or the hash of an imported
/// password, its scheme in braces before it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(HashForm);

#[derive(Clone, PartialEq, Eq)]
enum HashForm {
    Own(Box<PasswordHash>),
    Imported(ImportedHash),
}

/// Why a secret cannot be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The stored hash is of another kind, or dearer than the cap.
    #[error("the stored hash is not Argon2id of at most m=240 MiB, t=10, p=4")]
    TooCostly,
    /// The system has not the memory that a hash fills.
    #[error("not enough memory to hash a secret (19 MiB)")]
    NoMemory,
    /// Neither a digest nor a hash is stored.
    #[error("its secret has neither a readable digest nor a readable hash")]
    Missing,
    /// The stored hash of an imported password is none, or dearer than its cap.
    #[error("the stored hash of an imported password is not of a supported scheme")]
    Unknown,
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

    /// Takes over the hash of a password from elsewhere: with its scheme in braces before it, or
    /// known by its beginning.
    ///
    /// # Errors
    /// Why it cannot be checked here, or not by Dovecot.
    pub fn import(text: &str) -> Result<Self, UnsupportedHash> {
        ImportedHash::read(text).map(|imported| Self(HashForm::Imported(imported)))
    }

    /// Takes the hash of a secret of ours that was imported with its scheme.
    pub fn of_secret(&self) -> Option<Self> {
        match &self.0 {
            HashForm::Imported(ImportedHash::Argon2(Algorithm::Argon2id, phc)) => {
                Some(Self(HashForm::Own(phc.clone())))
            }
            _ => None,
        }
    }

    /// The scheme's name, as Dovecot has it.
    pub fn scheme(&self) -> &'static str {
        match &self.0 {
            HashForm::Own(_) => "ARGON2ID",
            HashForm::Imported(imported) => imported.scheme(),
        }
    }

    /// Whether this is the hash of what was presented; compared in constant time.
    ///
    /// # Errors
    /// [`HashError::TooCostly`] if checking would exceed the cap; nothing is hashed then.
    /// [`HashError::NoMemory`].
    pub fn matches(&self, presented: &str, memory: &mut HashMemory) -> Result<bool, HashError> {
        match &self.0 {
            HashForm::Own(phc) => matches(Algorithm::Argon2id, phc, presented, memory),
            HashForm::Imported(imported) => imported.matches(presented, memory),
        }
    }

    /// Whether it costs less memory or fewer passes than a new one does; of an imported one,
    /// whether guessing costs less than it should.
    pub fn is_cheap(&self) -> bool {
        match &self.0 {
            HashForm::Own(phc) => is_cheap(Algorithm::Argon2id, phc),
            HashForm::Imported(imported) => imported.is_cheap(),
        }
    }

    /// Whether Dovecot 2.4 refuses it unless it is told to allow weak schemes (doc.dovecot.org,
    /// `auth_allow_weak_schemes`).
    pub fn is_refused_by_dovecot_2_4(&self) -> bool {
        match &self.0 {
            HashForm::Own(_) => false,
            HashForm::Imported(imported) => imported.is_refused_by_dovecot_2_4(),
        }
    }
}

/// A new hash of a text.
fn fresh(text: &str, salt: [u8; SALT], memory: &mut HashMemory) -> Result<PasswordHash, HashError> {
    let (m, t, p) = PARAMS;
    let params = Params::new(m, t, p, Some(Params::DEFAULT_OUTPUT_LEN))
        .expect("the parameters are within Argon2's bounds");
    let salt = Salt::new(&salt).expect("16 bytes are a salt's recommended length");
    let params_string =
        ParamsString::try_from(&params).expect("three numbers fit into a PHC string");
    let mut bytes = [0; Params::DEFAULT_OUTPUT_LEN];
    fill(&mut bytes, text.as_bytes(), salt.as_ref(), params, memory)?;
    Ok(PasswordHash {
        algorithm: Ident::new(Algorithm::Argon2id.as_str()).expect("a constant name"),
        version: Some(Version::V0x13.into()),
        params: params_string,
        salt: Some(salt),
        hash: Some(Output::new(&bytes).map_err(|_| HashError::TooCostly)?),
    })
}

fn matches(
    algorithm: Algorithm,
    phc: &PasswordHash,
    presented: &str,
    memory: &mut HashMemory,
) -> Result<bool, HashError> {
    let params = within_cap_of(algorithm, phc).ok_or(HashError::TooCostly)?;
    let (salt, stored) = phc.salt.zip(phc.hash).ok_or(HashError::TooCostly)?;
    let mut bytes = [0; Output::MAX_LENGTH];
    let bytes = bytes.get_mut(..stored.len()).ok_or(HashError::TooCostly)?;
    let text = presented.as_bytes();
    fill_with(algorithm, bytes, text, salt.as_ref(), params, memory)?;
    Ok(Output::new(bytes).map_err(|_| HashError::TooCostly)? == stored)
}

fn is_cheap(algorithm: Algorithm, phc: &PasswordHash) -> bool {
    let (m, t, _) = PARAMS;
    within_cap_of(algorithm, phc).is_some_and(|params| params.m_cost() < m || params.t_cost() < t)
}

/// What a PHC string asks for, if that is Argon2id within the cap.
pub(super) fn within_cap(phc: &PasswordHash) -> Option<Params> {
    within_cap_of(Algorithm::Argon2id, phc)
}

fn within_cap_of(algorithm: Algorithm, phc: &PasswordHash) -> Option<Params> {
    let is_that =
        phc.algorithm.as_str() == algorithm.as_str() && phc.version == Some(Version::V0x13.into());
    let params = Params::try_from(phc).ok()?;
    let (m, t, p) = MOST;
    let is_within_cap = params.m_cost() <= m && params.t_cost() <= t && params.p_cost() <= p;
    (is_that && is_within_cap).then_some(params)
}

/// Fills `bytes` with the Argon2id hash of a text.
pub(super) fn fill(
    bytes: &mut [u8],
    text: &[u8],
    salt: &[u8],
    params: Params,
    memory: &mut HashMemory,
) -> Result<(), HashError> {
    fill_with(Algorithm::Argon2id, bytes, text, salt, params, memory)
}

fn fill_with(
    algorithm: Algorithm,
    bytes: &mut [u8],
    text: &[u8],
    salt: &[u8],
    params: Params,
    memory: &mut HashMemory,
) -> Result<(), HashError> {
    let mut blocks = memory.blocks(params.block_count())?;
    let outcome = Argon2::new(algorithm, Version::V0x13, params).hash_password_into_with_memory(
        text,
        salt,
        bytes,
        &mut blocks,
    );
    memory.keep(blocks);
    outcome.map_err(|_| HashError::TooCostly)
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
    fn a_hash_dearer_than_the_cap_is_refused_before_hashing() {
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
