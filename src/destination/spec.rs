//! The destination of a secret, as flags and manifests name it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{PresetAddress, SecretVariables};
use crate::key::quoted;

/// The destination of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationSpec {
    /// A file of its own.
    File(PathBuf),
    /// A folder with one file per key.
    Folder(PathBuf),
    /// Variables in an env file.
    Env {
        /// The file.
        file: PathBuf,
        /// The variables.
        variables: SecretVariables,
    },
    /// The file that GitHub's runner reads after a step.
    Job {
        /// The variables.
        variables: SecretVariables,
        /// Whether they are outputs of the step, not variables of later steps.
        is_output: bool,
    },
    /// A command's standard input.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
        /// The timeout.
        timeout: Duration,
    },
    /// A secret manager.
    Preset(PresetAddress),
}

impl DestinationSpec {
    /// The file that the secret is saved to, if any.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) | Self::Env { file, .. } => Some(file),
            Self::Folder(_) | Self::Job { .. } | Self::Command { .. } | Self::Preset(_) => None,
        }
    }
}

impl fmt::Display for DestinationSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Folder(path) => write!(f, "`{}`", path.display()),
            Self::Env { file, variables } => match variables.secret() {
                Some(secret) => write!(f, "`{secret}` in `{}`", file.display()),
                None => write!(f, "`{}`", file.display()),
            },
            Self::Job {
                is_output: true, ..
            } => f.write_str("the outputs of this step"),
            Self::Job { .. } => f.write_str("the later steps of this job"),
            Self::Command { words, .. } => f.write_str(&quoted(&words.join(" "))),
            Self::Preset(address) => f.write_str(&quoted(&address.text)),
        }
    }
}
