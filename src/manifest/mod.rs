//! The manifest for `apply`: the keys of an environment and their destinations; and the plan that
//! follows from it, computed without side effects.

mod destination;
mod error;
mod field;
mod plan;
mod read;
mod save;
mod wanted;

pub use destination::WantedDestination;
pub use error::ManifestError;
pub use plan::{DestinationContents, ExistingKey, Obstacle, Plan, Replaced, Step, StepAction};
pub use read::read;
pub use wanted::{Manifest, WantedKey};
