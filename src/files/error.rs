//! Errors of writing files.

use std::io;
use std::path::{Path, PathBuf};

use super::{UNSYNCED, folder_of, hint_of, hint_of_io, shell_word};
use crate::error::Explained;
use crate::exit::ExitStatus;

/// Why a file was not written; the path is unchanged, except for [`Error::Unsynced`].
#[derive(Debug, miette::Diagnostic, thiserror::Error)]
pub enum Error {
    /// The existing file must not be replaced.
    #[error("`{}` {why}", path.display())]
    #[diagnostic(help("{}", hint_of(hint, path)))]
    Refused {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
        /// How to fix it; [`hint_of`] fills in the path.
        hint: &'static str,
    },
    /// The folder of this path does not exist.
    #[error("cannot write `{}`: the folder `{}` does not exist", .0.display(), folder_of(.0).display())]
    #[diagnostic(help(
        "run `mkdir -p -m 700 {}`, or name a file elsewhere",
        shell_word(folder_of(_0))
    ))]
    NoFolder(PathBuf),
    /// The system refused.
    #[error("cannot write `{}`: {source}", path.display())]
    #[diagnostic(help("{}", hint_of_io(source).unwrap_or_default()))]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file was written completely, but may not be durable.
    #[error("`{}` was written, but may not survive a power failure: {source}", path.display())]
    #[diagnostic(help("{}", hint_of_io(source).unwrap_or(UNSYNCED)))]
    Unsynced {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl Explained for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Unsynced { .. } => ExitStatus::Unsure,
            _ => ExitStatus::Trouble,
        }
    }
}

impl Error {
    /// The error for a file that is useless unless it is durable.
    #[must_use]
    pub fn or_not_written(self) -> Self {
        match self {
            Self::Unsynced { path, source } => Self::Io { path, source },
            error => error,
        }
    }
}

/// The error for a failed system call on a path.
pub fn failed(path: &Path, source: io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        source,
    }
}
