//! Errors of the usage record; no key depends on it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::vault;

/// Why use cannot be read or recorded, and the hint: a warning has no hint of its own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The vault itself cannot be read.
    #[error("{0}")]
    Vault(#[from] vault::Error),
    /// The file is not private; it was not changed.
    #[error("`{}` {}; remove it: it contains no keys", .0.display(), .1)]
    Unsafe(PathBuf, &'static str),
    /// The file is something else, damaged, or of another version; it was not changed.
    #[error("`{}` is damaged, or from another postkey version; remove it: it contains no keys", .0.display())]
    Unusable(PathBuf),
    /// The file belongs to another vault; it is recreated by the next use.
    #[error("`{}` belongs to another vault; the next `postkey verify` starts a new one", .0.display())]
    OfAnotherVault(PathBuf),
    /// The file or its folder cannot be written.
    #[error("cannot write `{}`: the file or its file system is read-only", .0.display())]
    Unwritable(PathBuf),
    /// Another process held the lock too long.
    #[error("`{}` is busy; wait longer with --wait 30s", .0.display())]
    Busy(PathBuf),
    /// The operating system refused.
    #[error("cannot use `{}`: {}", .0.display(), .1)]
    Failed(PathBuf, rusqlite::Error),
    /// SQLite refused.
    #[error("{0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Error {
    /// The meaning of SQLite's error for the file; inconsistent data is damage.
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        use ErrorCode as Code;
        let path = path.to_owned();
        match error.sqlite_error_code() {
            _ if is_busy(&error) => Self::Busy(path),
            Some(Code::ReadOnly | Code::CannotOpen) => Self::Unwritable(path),
            Some(Code::NotADatabase | Code::DatabaseCorrupt | Code::Unknown) | None => {
                Self::Unusable(path)
            }
            Some(_) => Self::Failed(path, error),
        }
    }
}

/// Whether another process held the lock too long.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}
