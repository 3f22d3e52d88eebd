//! Why a file was not written.

use std::io;
use std::path::{Path, PathBuf};

use super::{UNSYNCED, folder_of, hint_of, hint_of_io, shell_word};
use crate::error::Explained;
use crate::exit::ExitStatus;

/// Why a file was not written; there is nothing new at its path then, but for [`Error::Unsynced`].
#[derive(Debug, miette::Diagnostic, thiserror::Error)]
pub enum Error {
    /// What is at the path must not be replaced.
    #[error("`{}` {why}", path.display())]
    #[diagnostic(help("{}", hint_of(hint, path)))]
    Refused {
        /// The path.
        path: PathBuf,
        /// What is there.
        why: &'static str,
        /// How to fix it; [`hint_of`] fills in the path.
        hint: &'static str,
    },
    /// There is nothing to put the file at this path into.
    #[error("cannot write `{}`: the folder `{}` does not exist", .0.display(), folder_of(.0).display())]
    #[diagnostic(help(
        "run `mkdir -p -m 700 {}`, or name a file elsewhere",
        shell_word(folder_of(_0))
    ))]
    NoFolder(PathBuf),
    /// The system did not let it happen.
    #[error("cannot write `{}`: {source}", path.display())]
    #[diagnostic(help("{}", hint_of_io(source).unwrap_or_default()))]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The file is in its place, whole; only that it stays there is not sure.
    #[error("`{}` was written, but may not survive a power failure: {source}", path.display())]
    #[diagnostic(help("{}", hint_of_io(source).unwrap_or(UNSYNCED)))]
    Unsynced {
        /// The path.
        path: PathBuf,
        /// The system's word.
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
    /// The same of a file that serves for nothing unless it is sure to stay.
    #[must_use]
    pub fn or_not_written(self) -> Self {
        match self {
            Self::Unsynced { path, source } => Self::Io { path, source },
            error => error,
        }
    }
}

/// The error that the system's word on a path is.
pub fn failed(path: &Path, source: io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        source,
    }
}
