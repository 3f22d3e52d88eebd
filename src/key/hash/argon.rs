//! Creates and checks Argon2 hashes as PHC strings, up to a maximum cost.

use argon2::password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};

use super::HashError;
use crate::memory::Blocks;

/// 19456 KiB, two passes, one lane, 32 bytes (OWASP Password Storage Cheat Sheet).
const PARAMS: (u32, u32, u32) = (19_456, 2, 1);

/// The maximum parameters of a stored hash; the argon2 crate accepts any.
const MAX_PARAMS: (u32, u32, u32) = (240 * 1024, 10, 4);

/// The length of the salt in bytes.
pub const SALT: usize = 16;

/// Memory for hashing, reused from one hash to the next.
#[derive(Debug, Default)]
pub struct HashMemory(Option<Blocks>);

impl HashMemory {
    /// Memory for a hash; does not keep more than our own hashes need.
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

/// Hashes a text with new salt.
pub(super) fn fresh(
    text: &str,
    salt: [u8; SALT],
    memory: &mut HashMemory,
) -> Result<PasswordHash, HashError> {
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

pub(super) fn matches(
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

pub(super) fn is_cheap(algorithm: Algorithm, phc: &PasswordHash) -> bool {
    let (m, t, _) = PARAMS;
    within_cap_of(algorithm, phc).is_some_and(|params| params.m_cost() < m || params.t_cost() < t)
}

/// The parameters of a PHC string, if it is Argon2id within the maximum.
pub(in crate::key) fn within_cap(phc: &PasswordHash) -> Option<Params> {
    within_cap_of(Algorithm::Argon2id, phc)
}

pub(super) fn within_cap_of(algorithm: Algorithm, phc: &PasswordHash) -> Option<Params> {
    let is_that =
        phc.algorithm.as_str() == algorithm.as_str() && phc.version == Some(Version::V0x13.into());
    let params = Params::try_from(phc).ok()?;
    let (m, t, p) = MAX_PARAMS;
    let is_within_cap = params.m_cost() <= m && params.t_cost() <= t && params.p_cost() <= p;
    (is_that && is_within_cap).then_some(params)
}

/// Fills `bytes` with the Argon2id hash of a text.
pub(in crate::key) fn fill(
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
