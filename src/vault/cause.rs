//! Why secrets are dead.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// Why a secret is dead. The vault keeps its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Cause {
    /// Its key got another one, or a rotation was aborted.
    Replaced,
    /// A rotation was finished, or its grace period was over.
    Retired,
    /// It leaked, and its key got another one.
    Revoked,
    /// Its key was deleted.
    Deleted,
}
