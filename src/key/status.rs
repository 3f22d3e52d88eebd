//! The status set by the operator, and the effective status.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The status set by the operator. Its word is stored in the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Status {
    /// The key may be used.
    Active,
    /// The key is refused until it is activated again.
    Inactive,
}

/// The status including expiry and rotation, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum EffectiveStatus {
    /// Valid.
    Active,
    /// Valid, with an old secret that is still valid, too.
    Rotating,
    /// Deactivated by the operator.
    Inactive,
    /// Expired.
    Expired,
    /// A decoy, never valid.
    Decoy,
}

impl EffectiveStatus {
    /// Whether a key with this status opens anything.
    pub fn is_valid(self) -> bool {
        matches!(self, Self::Active | Self::Rotating)
    }
}
