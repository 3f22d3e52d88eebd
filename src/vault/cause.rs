//! Why secrets are dead.

/// Why a secret is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its key got another one, or a rotation was aborted.
    Replaced,
    /// A rotation was finished, or its grace period was over.
    Retired,
    /// It leaked, and its key got another one.
    Revoked,
    /// Its key was deleted.
    Deleted,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 4] = [Self::Replaced, Self::Retired, Self::Revoked, Self::Deleted];

    /// The cause as a word, stable for scripts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
            Self::Deleted => "deleted",
        }
    }
}
