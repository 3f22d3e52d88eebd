//! New secrets: created, staged, delivered, activated.

mod batch;
mod child;
mod destination;
mod engine;
mod loss;
mod new_key;
mod new_secret;
mod notes;
pub mod options;
mod outcome;
mod replacement;
mod several;
mod target;

pub use batch::SecretSupply;
pub use child::ChildCommand;
pub use destination::Destination;
pub use engine::{Failure, deliver_all};
pub use new_key::NewKey;
pub use new_secret::NewSecret;
pub use replacement::{SecretReplacement, Transition};
pub use target::{OverwritePolicy, Target};

/// How many secrets are delivered at once: their files stay locked until they are valid.
pub const BATCH_SIZE: usize = 64;
