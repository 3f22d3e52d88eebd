//! Mistakes in a manifest.

use super::ManifestKey;
use crate::error::Error;

/// A mistake in a manifest, or something in it that the vault contradicts.
#[derive(Debug)]
pub struct ManifestError {
    /// The line that it is in.
    pub line: usize,
    /// What is wrong, and how a command ends by it.
    pub error: Error,
}

impl ManifestError {
    /// What keeps a key of a manifest from being as it is wanted.
    pub fn about(wanted: &ManifestKey, error: impl Into<Error>) -> Self {
        Self {
            line: wanted.line,
            error: error.into(),
        }
    }
}
