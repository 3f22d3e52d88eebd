//! Where a rotation stands after a run.

use strum::IntoStaticStr;

/// Where the rotation of a key stands after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum RotationState {
    /// It waits until the new secret is in use, or a time is over.
    Waiting,
    /// The old secret has just been retired.
    Finished,
    /// The new secret has just been removed.
    Aborted,
    /// A person must decide.
    Held,
    /// It did not begin.
    NotPossible,
    /// A step failed.
    Failed,
    /// A dry run: it would be continued.
    Planned,
    /// Another process continues it.
    Skipped,
}
