//! What can go wrong with a vault.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use rusqlite::{ErrorCode, ffi};

use super::Contradiction;
use crate::key::{HashError, KeyName, Username};

/// Why the vault could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no vault at the path.
    #[error("there is no vault at `{}`", .0.display())]
    Missing(PathBuf),
    /// The file or its folder is not safe to use; it was not touched.
    #[error("`{}` {why}", path.display())]
    Unsafe {
        /// The file or folder.
        path: PathBuf,
        /// What is unsafe about it.
        why: &'static str,
        /// How to fix it; `files::hint_of` fills the path in.
        hint: &'static str,
    },
    /// The file is a database of something else, or none.
    #[error("`{}` is not a postkey vault", .0.display())]
    NotAVault(PathBuf),
    /// Written by a newer postkey; it was not touched.
    #[error("the vault has schema version {found}; this postkey supports up to version {known}")]
    Newer {
        /// The vault's schema version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// Somebody changed the schema.
    #[error("the vault's schema has {0}")]
    Foreign(String),
    /// The key is not what the log says: it was edited by hand, or is damaged.
    #[error(
        "`{}` does not match the audit log: {}", .0.key, .0.difference()
    )]
    Contradicted(Contradiction),
    /// Another process did not let go in time.
    #[error("the vault is busy: another process is writing to it")]
    Busy,
    /// The vault or its file system takes no writes.
    #[error("cannot write to the vault: the file or its file system is read-only")]
    ReadOnly,
    /// A transaction was interrupted, and cannot be rolled back where the vault lies.
    #[error(
        "an interrupted transaction must be rolled back first, and the vault or its file system \
         is read-only"
    )]
    Interrupted,
    /// The same, and there is no place for a private copy in which it could be rolled back.
    #[error(
        "an interrupted transaction must be rolled back first, and `{}` cannot be copied to do so: \
         {source}",
        path.display()
    )]
    NoCopy {
        /// The vault.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// Somebody switched the vault to WAL mode, in which changes go unnoticed.
    #[error("the vault was switched to WAL mode by another program")]
    Wal,
    /// No room on the disk.
    #[error("the disk is full")]
    Full,
    /// The disk, or a limit on the file's size, stood in the way.
    #[error("cannot write the vault: input/output error")]
    Disk,
    /// The disk did not give what is in the file; what is on it may be whole.
    #[error("cannot read the vault: input/output error")]
    Unreadable,
    /// The process, or the system, has as many files open as it may.
    #[error("cannot open the vault's files: {0}")]
    NoFiles(io::Error),
    /// SQLite says that the file's contents are damaged, which it also does where the disk did
    /// not give a page: see [`super::diagnose`].
    #[error("the vault is damaged: {0}")]
    Malformed(rusqlite::Error),
    /// The file's contents are damaged.
    #[error("the vault is damaged: {0}")]
    Damaged(String),
    /// What is stored of one key is damaged; the others can be read.
    #[error("the key {} is damaged: {why}", crate::key::quoted(.key))]
    DamagedKey {
        /// Its name.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The operating system refused.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A presented secret could not be hashed.
    #[error("{0}")]
    NoMemory(HashError),
    /// SQLite refused.
    #[error("cannot use the vault: {0}")]
    Sqlite(rusqlite::Error),
    /// No key has the name.
    #[error("no key named `{0}`")]
    NoSuchKey(KeyName),
    /// A key has the name already.
    #[error("a key named `{0}` already exists")]
    NameTaken(KeyName),
    /// Another key has the username.
    #[error("the username `{0}` belongs to another key")]
    UsernameTaken(Username),
    /// The login has an imported password, and may have one only.
    #[error("the login `{0}` already has an imported password")]
    PasswordTaken(Username),
    /// Another secret has the tail.
    #[error("the secret of `{0}` is already in this vault")]
    SecretTaken(KeyName),
    /// Another key is the default key.
    #[error("the key `{0}` is already the default key")]
    DefaultTaken(KeyName),
    /// The key has two secrets already.
    #[error("`{0}` is already being rotated")]
    Rotating(KeyName),
    /// The key has an old secret that retired before its time.
    #[error("the old secret of `{0}` was retired early by a clock that was ahead")]
    RetiredEarly(KeyName),
    /// The key is not any more what it was when the operator was asked.
    #[error("`{0}` was changed by another process; nothing was done")]
    Changed(KeyName),
    /// The vault is not any more what it was when the operator was asked about it.
    #[error("the vault was changed by another process; nothing was done")]
    VaultChanged,
    /// There is a file where one was to be written.
    #[error("`{}` already exists", .0.display())]
    InTheWay(PathBuf),
    /// There is nothing to put a copy or an export into.
    #[error("the folder `{}` does not exist", .0.display())]
    NoFolder(PathBuf),
    /// The file is one that the vault consists of.
    #[error("`{}` is the vault's own file or belongs to it", .0.display())]
    TheVaultItself(PathBuf),
    /// A file that was to be replaced by a copy holds another vault, or a copy of one.
    #[error("`{}` is another vault, or a backup of one", .0.display())]
    OfAnotherVault(PathBuf),
    /// The log was edited, or is damaged.
    #[error("audit log verification failed at entry {0}: it {1}")]
    BrokenLog(i64, &'static str),
    /// The file is in its place, whole; only that it stays there is not sure.
    #[error("`{}` was written, but may not survive a power failure: {source}", path.display())]
    Unsynced {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A backup cannot be used.
    #[error("cannot use the backup `{}`: {why}", path.display())]
    Backup {
        /// The backup's file.
        path: PathBuf,
        /// What is wrong with it.
        why: Box<Error>,
    },
    /// The pending secret was swept before it could become a key's.
    #[error("the pending secret was not delivered in time and was removed")]
    Swept,
    /// A commit reported a failure and what the vault holds now could not be read.
    #[error("the change may or may not have been committed: {0}")]
    Unsure(String),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::ReadOnly) => match error.sqlite_error() {
                Some(error) if error.extended_code == ffi::SQLITE_READONLY_ROLLBACK => {
                    Self::Interrupted
                }
                _ => Self::ReadOnly,
            },
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::SystemIoFailure) => Self::of_disk(error),
            Some(ErrorCode::DatabaseCorrupt) => Self::Malformed(error),
            Some(ErrorCode::CannotOpen) => Self::of_opening(error),
            _ => Self::Sqlite(error),
        }
    }
}

impl Error {
    /// Whether what is in the file makes no sense.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Malformed(_))
    }

    fn of_disk(error: rusqlite::Error) -> Self {
        match error.sqlite_error().map(|error| error.extended_code) {
            Some(ffi::SQLITE_IOERR_NOMEM) => Self::Sqlite(error),
            Some(
                ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS,
            ) => Self::Unreadable,
            _ => Self::Disk,
        }
    }

    /// SQLite does not say why it could not open a file; another file shows whether any can be.
    fn of_opening(error: rusqlite::Error) -> Self {
        const NO_FILES: [i32; 2] = [Errno::EMFILE as i32, Errno::ENFILE as i32];
        match File::open("/dev/null") {
            Err(why)
                if why
                    .raw_os_error()
                    .is_some_and(|why| NO_FILES.contains(&why)) =>
            {
                Self::NoFiles(why)
            }
            _ => Self::Sqlite(error),
        }
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::TooCostly | HashError::Unknown | HashError::Missing => {
                Self::Damaged(error.to_string())
            }
            HashError::NoMemory => Self::NoMemory(error),
        }
    }
}

impl Error {
    /// Why a key's stored hash cannot be checked.
    pub fn of_hash(key: &KeyName, error: HashError) -> Self {
        Self::from(error).of_key(key.as_str())
    }

    /// The same error, with the key's name if what it found is damaged.
    pub(super) fn of_key(self, key: &str) -> Self {
        let why = match self {
            Self::Damaged(why) => why,
            Self::Sqlite(error) => error.to_string(),
            error => return error,
        };
        let key = key.to_owned();
        Self::DamagedKey { key, why }
    }
}
