//! What an automatic rotation does next: decides it from what is known, and does nothing itself.
//!
//! A rotation ends with the new secret only once that was seen in use, and with the old one only
//! once the destination has it again; otherwise it is held until a person decides. At any time at
//! least one secret is valid, and it is the one in the destination.

#[cfg(test)]
mod model;
mod obstacle;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub use obstacle::{HoldReason, RotationObstacle};
pub use state::RotationState;
pub use step::{KeyUsability, RotationFacts, RotationProgress, RotationStep, SeenSecrets, SeenUse};
