//! The causes of dead secrets.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// Why a secret is dead. Its word is stored in the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Cause {
    /// Its key got a new secret, or a rotation was aborted.
    Replaced,
    /// A rotation was finished, or its grace period ended.
    Retired,
    /// It leaked, and was replaced.
    Revoked,
    /// Its key was deleted.
    Deleted,
}
