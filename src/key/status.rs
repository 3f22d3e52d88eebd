//! What an operator set, and what follows from it and the time.

use std::fmt;

/// What the operator set: whether a key may be used at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It may be used.
    Active,
    /// It is stopped until it is activated again.
    Inactive,
}

impl Status {
    /// The word that the vault and the log use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// What people and programs are shown: the status, and whether time has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Every standing.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::Rotating,
        Self::Inactive,
        Self::Expired,
        Self::Decoy,
    ];

    /// Whether a key that stands so opens anything.
    pub fn is_valid(self) -> bool {
        matches!(self, Self::Active | Self::Rotating)
    }

    /// The word that people, JSON and filters use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Rotating => "rotating",
            Self::Inactive => "inactive",
            Self::Expired => "expired",
            Self::Decoy => "decoy",
        }
    }
}

impl fmt::Display for EffectiveStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
