//! New secrets: created, staged, delivered, activated.

mod automatic;
mod batch;
mod child;
mod child_output;
mod destination;
mod engine;
mod github;
mod last_delivery;
mod last_server;
mod login;
mod loss;
mod new_key;
mod new_secret;
mod notes;
mod option_rules;
pub mod options;
mod outcome;
mod place_lock;
mod preset_delivery;
mod read_back;
mod replaced_variables;
mod replacement;
mod server_variables;
mod several;
mod stored_delivery;
mod stored_text;
mod target;
mod work_tree;

pub use automatic::{KeyRotation, RotationPlace, RotationRun, RotationTerms};
pub use batch::SecretSupply;
pub use child::ChildCommand;
pub use destination::{Destination, DestinationContext};
pub use engine::{Failure, deliver_all};
pub use new_key::NewKey;
pub use new_secret::NewSecret;
pub use read_back::{held_instead, not_delivered, other_variables};
pub use replacement::{SecretReplacement, Transition};
pub use target::{OverwritePolicy, Target};
pub use work_tree::expect_untracked;

/// How many secrets are delivered at once: their files stay locked until they are valid.
pub const BATCH_SIZE: usize = 64;
