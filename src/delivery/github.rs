//! What GitHub Actions receives.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// What GitHub Actions receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub(super) enum Github {
    /// Variables of the job's later steps.
    Env,
    /// Outputs of this step.
    Output,
    /// The secret's mask only.
    Mask,
}

impl Github {
    /// Whether its variables are outputs of the step; `None` if it has none.
    pub(super) fn is_output(self) -> Option<bool> {
        match self {
            Self::Env => Some(false),
            Self::Output => Some(true),
            Self::Mask => None,
        }
    }
}
