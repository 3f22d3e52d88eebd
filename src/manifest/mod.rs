//! The manifest for `apply`: the keys of an environment and their destinations; and the plan that
//! follows from it, computed without side effects.

mod distinct;
mod error;
mod field;
mod key;
mod plan;
mod policy;
mod read;
mod save;
mod smtp;
#[cfg(test)]
mod tests;
mod variables;

pub use error::ManifestError;
pub use key::{Manifest, ManifestKey};
pub use plan::{DestinationContents, ExistingKey, Obstacle, Plan, Replaced, Step, StepAction};
pub use read::read;
