//! Errors as people and scripts meet them: what was wrong, how to fix it, the exit status.

use std::error::Error as StdError;
use std::fmt::Display;
use std::iter::successors;

use miette::Diagnostic;

use crate::exit::ExitStatus;

/// What a module's own errors say of themselves, so that a command can end with them: the message,
/// the hint (`help`, which stands beside the variant that it belongs to; none if empty), the status.
pub trait Explained: Diagnostic + Send + Sync + 'static {
    /// How a command ends that meets this error.
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Trouble
    }
}

/// A message in lower case without a full stop, a hint how to fix it, and a status.
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
    /// An error that ends the command with the status.
    pub fn new(status: ExitStatus, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            status,
            cause: None,
        }
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Usage, message)
    }

    /// There is nothing to make a secret of.
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

    /// Gives it another status.
    pub fn with_status(mut self, status: ExitStatus) -> Self {
        self.status = status;
        self
    }

    /// Says first what it is about.
    pub fn about(mut self, what: impl Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The hint, if there is one.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The module's error of this type that it comes from, if it does.
    pub fn cause<E: StdError + 'static>(&self) -> Option<&E> {
        let cause: &(dyn StdError + 'static) = self.cause.as_deref()?;
        let mut causes = successors(Some(cause), |&cause| cause.source());
        causes.find_map(|cause| cause.downcast_ref())
    }

    /// How the command ends.
    pub fn exit_status(&self) -> ExitStatus {
        self.status
    }
}
