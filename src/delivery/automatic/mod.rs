//! Automatic rotations: does the steps that [`crate::rotation`] decides, each of which can be
//! interrupted anywhere and is continued by the next run.

mod after;
mod begin;
mod by_hand;
mod key_rotation;
mod lock;
mod place;
mod report;
mod restore;
mod rotation_run;
mod situation;
mod terms;

pub use key_rotation::KeyRotation;
pub use place::RotationPlace;
pub use rotation_run::RotationRun;
pub use terms::RotationTerms;
