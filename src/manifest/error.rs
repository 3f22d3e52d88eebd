//! Mistakes in a manifest.

use super::WantedKey;
use crate::exit::ExitStatus;
use crate::key::Invalid;

/// A mistake in a manifest, or something in it that the vault contradicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// The line that it is in.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub hint: Option<String>,
    /// How a command ends by it.
    pub status: ExitStatus,
}

impl ManifestError {
    pub(super) fn new(line: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
            hint: Some(hint.into()),
            status: ExitStatus::Usage,
        }
    }

    pub(super) fn of(line: usize, invalid: &Invalid) -> Self {
        Self {
            line,
            message: invalid.to_string(),
            hint: invalid.hint().map(str::to_owned),
            status: ExitStatus::Usage,
        }
    }

    /// What keeps a key of a manifest from being as it is wanted.
    pub fn about(
        wanted: &WantedKey,
        message: String,
        hint: Option<String>,
        status: ExitStatus,
    ) -> Self {
        Self {
            line: wanted.line,
            message,
            hint,
            status,
        }
    }

    pub(super) fn with_status(self, status: ExitStatus) -> Self {
        Self { status, ..self }
    }
}
