//! Destinations in a manifest.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::key::{Variable, quoted};

/// The destination of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestDestination {
    /// A variable in an env file, and another for the username.
    Variables {
        /// The file.
        file: PathBuf,
        /// The variable of the username.
        username: Option<Variable>,
        /// The variable of the secret.
        secret: Variable,
    },
    /// A file of its own.
    File(PathBuf),
    /// A command's standard input.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
        /// The timeout.
        timeout: Duration,
    },
}

impl ManifestDestination {
    /// The file that the secret is saved to, if any.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Variables { file, .. } | Self::File(file) => Some(file),
            Self::Command { .. } => None,
        }
    }
}

impl fmt::Display for ManifestDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variables { file, secret, .. } => {
                write!(f, "`{secret}` in `{}`", file.display())
            }
            Self::File(file) => write!(f, "`{}`", file.display()),
            Self::Command { words, .. } => f.write_str(&quoted(&words.join(" "))),
        }
    }
}
