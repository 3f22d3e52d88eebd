//! The error for an invalid value.

use crate::error::Explained;
use crate::exit::ExitStatus;
use crate::key::redact::quoted;

/// A value that breaks a rule: which value and rule, and a valid example.
#[derive(Clone, Debug, PartialEq, Eq, miette::Diagnostic, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    message: String,
    #[help]
    hint: Option<String>,
}

impl Explained for Invalid {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Usage
    }
}

impl Invalid {
    /// The error that `value`, as a `what`, breaks `rule`.
    ///
    /// The value is escaped and shortened, and not shown at all if it looks like a secret.
    pub(crate) fn new(what: &str, value: &str, rule: impl AsRef<str>) -> Self {
        Self {
            message: format!("{} is not {what}: {}", quoted(value), rule.as_ref()),
            hint: None,
        }
    }

    /// Adds the hint.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The hint, if there is one.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}
