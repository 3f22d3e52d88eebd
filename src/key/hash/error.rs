//! Why a secret is not hashed.

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
