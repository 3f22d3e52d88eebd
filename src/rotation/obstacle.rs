//! Why a rotation is not begun, or not continued.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// Why a key whose secret is too old is not rotated automatically.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum RotationObstacle {
    /// It is a decoy.
    Decoy,
    /// It has expired.
    Expired,
    /// It is inactive.
    Inactive,
    /// It is the default key, which `reveal` shows.
    DefaultKey,
    /// A clock that was ahead retired an old secret of it early.
    RetiredEarly,
    /// Nothing is known of where its secret is used.
    NoDestination,
    /// It was delivered to a destination that is not defined any more.
    UnknownDestination,
    /// Its secret was delivered to a command, whose words are not kept.
    OnlyCommand,
}

impl RotationObstacle {
    /// The end of a sentence that begins with the key.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Decoy => "is a decoy",
            Self::Expired => "has expired",
            Self::Inactive => "is inactive",
            Self::DefaultKey => "is the default key, whose new secret needs the passphrase",
            Self::RetiredEarly => "has an old secret that a clock ahead of time retired",
            Self::NoDestination => "has no known destination",
            Self::UnknownDestination => "has a destination that is no longer defined",
            Self::OnlyCommand => "was delivered to a command, which the vault does not keep",
        }
    }
}

/// Why a rotation is held: each run tries again.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum HoldReason {
    /// The old secret was used until the end of the grace period.
    OldSecretUsed,
    /// The new secret is used although the destination has the old one again.
    NewSecretUsed,
    /// The new secret was not used during the grace period and was removed again.
    NewSecretUnused,
    /// The use of the secrets was not recorded since the delivery.
    UsageUnknown,
    /// The new secret was not used, and the old one cannot be delivered again.
    CannotRestore,
    /// The new secret could not be delivered.
    DeliveryFailed,
    /// The command to run after the delivery failed.
    AfterFailed,
    /// The destination no longer has the secret that is to remain.
    DestinationChanged,
    /// The key is inactive, so that neither secret can be used.
    Inactive,
    /// The key has expired.
    Expired,
    /// The old secret is no longer valid, although the new one was not seen in use.
    OldSecretRetired,
}

impl HoldReason {
    /// The reason as a sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Self::OldSecretUsed => "the old secret is still used",
            Self::NewSecretUsed => {
                "the new secret is used, but the destination has the old one again"
            }
            Self::NewSecretUnused => "the new secret was never used and was removed",
            Self::UsageUnknown => "neither secret has a recorded use since the delivery",
            Self::CannotRestore => {
                "the new secret was never used, and the old one cannot be restored"
            }
            Self::DeliveryFailed => "the new secret could not be delivered",
            Self::AfterFailed => "the `after` command failed",
            Self::DestinationChanged => {
                "the destination does not have the secret that is to remain"
            }
            Self::Inactive => "the key is inactive",
            Self::Expired => "the key has expired",
            Self::OldSecretRetired => "the old secret has retired",
        }
    }
}
