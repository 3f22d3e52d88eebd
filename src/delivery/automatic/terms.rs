//! What a key's policy says about its automatic rotation.

use jiff::{SignedDuration, Timestamp};

/// What a key's policy says about its automatic rotation.
#[derive(Clone, Debug)]
pub struct RotationTerms {
    /// When its secret becomes too old, if ever.
    pub due_at: Option<Timestamp>,
    /// How long after the delivery the rotation is decided.
    pub grace: SignedDuration,
    /// For how long the old secret must be unused before it is retired.
    pub settle: SignedDuration,
    /// The command that makes the application read the destination; empty if there is none.
    pub after: Vec<String>,
}
