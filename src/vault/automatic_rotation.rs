//! The state of a rotation that postkey continues by itself.

use jiff::Timestamp;

use crate::key::{RestoreSeal, Tail};
use crate::rotation::{HoldReason, RotationProgress};

/// The state of an automatic rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomaticRotation {
    /// The new secret's tail.
    pub tail: Tail,
    /// Where it is delivered, as `--to` names it, if that can be named.
    pub destination: Option<String>,
    /// How far it has got.
    pub progress: RotationProgress,
    /// When it got there.
    pub since: Timestamp,
    /// When the command that follows that succeeded.
    pub after_at: Option<Timestamp>,
    /// Why it is held, if it is.
    pub held: Option<HeldRotation>,
    /// The old secret, to deliver it again.
    pub sealed: Option<RestoreSeal>,
}

/// Why and since when a rotation is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRotation {
    /// Why.
    pub reason: HoldReason,
    /// Since when.
    pub at: Timestamp,
    /// More about it: an error, without secrets, or an address.
    pub detail: Option<String>,
}

impl AutomaticRotation {
    /// The same, after it got so far.
    pub fn advanced(&self, progress: RotationProgress, at: Timestamp) -> Self {
        Self {
            progress,
            since: at,
            after_at: None,
            held: None,
            ..self.clone()
        }
    }
}
