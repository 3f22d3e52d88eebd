//! Why the settings cannot be used.

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub(super) message: String,
    /// How to fix it.
    pub hint: Option<String>,
}

impl Error {
    pub(super) fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            message: message.into(),
            hint,
        }
    }
}
