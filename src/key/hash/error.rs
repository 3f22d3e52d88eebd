//! Errors of hashing.

/// Why a secret cannot be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The stored hash has another scheme, or is too costly.
    #[error("the stored hash is not Argon2id of at most m=240 MiB, t=10, p=4")]
    TooCostly,
    /// There is not enough memory for the hash.
    #[error("not enough memory to hash a secret (19 MiB)")]
    NoMemory,
    /// Neither a digest nor a hash is stored.
    #[error("its secret has neither a readable digest nor a readable hash")]
    Missing,
    /// The stored hash of an imported password is invalid, or too costly.
    #[error("the stored hash of an imported password is not of a supported scheme")]
    Unknown,
}
