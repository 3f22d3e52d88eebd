//! Errors as people and scripts see them: a message, a hint how to fix it, and the exit status.

use std::error::Error as StdError;
use std::fmt::Display;
use std::iter::successors;

use miette::Diagnostic;

use crate::exit::ExitStatus;

/// What a module's own error provides so that it can end a command: the message, the hint (`help`,
/// beside the variant; none if empty), and the status.
pub trait Explained: Diagnostic + Send + Sync + 'static {
    /// The exit status.
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Trouble
    }
}

/// A message in lower case without a full stop, a hint, and an exit status.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    hint: Option<String>,
    status: ExitStatus,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl<E: Explained> From<E> for Error {
    fn from(error: E) -> Self {
        let hint = error.help().map(|hint| hint.to_string());
        Self {
            message: error.to_string(),
            hint: hint.filter(|hint| !hint.is_empty()),
            status: error.exit_status(),
            cause: Some(Box::new(error)),
        }
    }
}

impl Error {
    /// An error with this exit status.
    pub fn new(status: ExitStatus, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            status,
            cause: None,
        }
    }

    /// An invalid command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Usage, message)
    }

    /// There are no random bytes for a secret.
    pub fn no_random_bytes(error: impl Display) -> Self {
        let message = format!("cannot get random bytes from the operating system: {error}");
        Self::new(ExitStatus::Trouble, message).with_hint(
            "allow the system call getrandom, or make /dev/urandom available in the sandbox",
        )
    }

    /// Replaces the hint; an empty one is none.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into()).filter(|hint: &String| !hint.is_empty());
        self
    }

    /// Replaces the exit status.
    pub fn with_status(mut self, status: ExitStatus) -> Self {
        self.status = status;
        self
    }

    /// Prefixes the message with what it is about.
    pub fn about(mut self, what: impl Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The hint, if there is one.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The underlying error of this type, if there is one.
    pub fn cause<E: StdError + 'static>(&self) -> Option<&E> {
        let cause: &(dyn StdError + 'static) = self.cause.as_deref()?;
        let mut causes = successors(Some(cause), |&cause| cause.source());
        causes.find_map(|cause| cause.downcast_ref())
    }

    /// The exit status.
    pub fn exit_status(&self) -> ExitStatus {
        self.status
    }
}
