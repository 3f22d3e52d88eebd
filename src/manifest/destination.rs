//! Where a manifest's secrets go.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::key::{Variable, quoted};

/// Where a secret goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedDestination {
    /// Into a variable of a file of such, and its username into another.
    Variables {
        /// The file.
        file: PathBuf,
        /// The variable of the username.
        username: Option<Variable>,
        /// The variable of the secret.
        secret: Variable,
    },
    /// Into a file of its own.
    File(PathBuf),
    /// To a command's standard input.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
        /// How long it may take.
        timeout: Duration,
    },
}

impl WantedDestination {
    /// The file that the secret goes into, if it goes into one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Variables { file, .. } | Self::File(file) => Some(file),
            Self::Command { .. } => None,
        }
    }
}

impl fmt::Display for WantedDestination {
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
