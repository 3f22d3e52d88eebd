//! What an operator set, and what follows from it and the time.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// What the operator set: whether a key may be used at all. The vault keeps its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Status {
    /// It may be used.
    Active,
    /// It is stopped until it is activated again.
    Inactive,
}

/// What people and programs are shown: the status, and whether time has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum EffectiveStatus {
    /// Good.
    Active,
    /// Good, and so is its old secret still.
    Rotating,
    /// Stopped by the operator.
    Inactive,
    /// Over.
    Expired,
    /// Not meant to be good, whatever the operator set.
    Decoy,
}

impl EffectiveStatus {
    /// Whether a key that stands so opens anything.
    pub fn is_valid(self) -> bool {
        matches!(self, Self::Active | Self::Rotating)
    }
}
