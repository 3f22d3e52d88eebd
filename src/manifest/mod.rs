//! The manifest that `apply` reads: which keys an environment wants, and where their secrets
//! go; and the plan that follows from it, worked out without touching anything.

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
