//! Errors of a vault.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use rusqlite::{ErrorCode, ffi};

use super::{Contradiction, DatabaseFault};
use crate::error::Explained;
use crate::exit::ExitStatus;
use crate::files::{NO_FILES, UNSYNCED, hint_of, hint_of_io};
use crate::key::{HashError, KeyName, Username};

/// How to access a vault whose last transaction was interrupted.
pub const INTERRUPTED: &str = "make it writable (`mount -o remount,rw`), and the next command rolls \
     the transaction back; or copy the vault and its -journal file together into a folder of yours \
     and name the copy with --vault";

const DAMAGED: &str =
    "nothing changed; restore a backup; `postkey list` shows what can still be read";

/// Why the vault could not do what was requested.
#[derive(Debug, miette::Diagnostic, thiserror::Error)]
pub enum Error {
    /// There is no vault at the path.
    #[error("there is no vault at `{}`", .0.display())]
    #[diagnostic(help(
        "create it with `postkey generate api NAME`, restore a backup with `postkey restore \
         FILE`, or name another vault with --vault"
    ))]
    Missing(PathBuf),
    /// The file or its folder is not safe to use; it was not changed.
    #[error("`{}` {why}", path.display())]
    #[diagnostic(help("{}", hint_of(hint, path)))]
    Unsafe {
        /// The file or folder.
        path: PathBuf,
        /// What is unsafe about it.
        why: &'static str,
        /// How to fix it; [`hint_of`] fills in the path.
        hint: &'static str,
    },
    /// The file is not a vault.
    #[error("`{}` is not a postkey vault", .0.display())]
    #[diagnostic(help("name the vault with --vault or POSTKEY_VAULT"))]
    NotAVault(PathBuf),
    /// Written by a newer postkey; it was not changed.
    #[error("the vault has schema version {found}; this postkey supports up to version {known}")]
    #[diagnostic(help("use the postkey that wrote it, or a newer one"))]
    Newer {
        /// The vault's schema version.
        found: i64,
        /// The newest supported version.
        known: i64,
    },
    /// Somebody changed the schema.
    #[error("the vault's schema has {0}")]
    #[diagnostic(help("the vault was edited by hand: undo that, or restore a backup"))]
    Foreign(String),
    /// The key differs from the log: it was edited by hand, or is damaged.
    #[error(
        "`{}` does not match the audit log: {}", .0.key, .0.difference()
    )]
    #[diagnostic(help(
        "the vault was edited by hand or is damaged: `postkey doctor` lists all differences; \
         restore a backup, or use `postkey deactivate` or `delete` on the key"
    ))]
    Contradicted(Contradiction),
    /// Another process held the lock too long.
    #[error("the vault is busy: another process is writing to it")]
    #[diagnostic(help("try again, or wait longer with --wait 30s"))]
    Busy,
    /// The vault or its file system is read-only.
    #[error("cannot write to the vault: the file or its file system is read-only")]
    #[diagnostic(help("keys can still be listed and verified"))]
    ReadOnly,
    /// A transaction was interrupted, and cannot be rolled back in place.
    #[error(
        "an interrupted transaction must be rolled back first, and the vault or its file system \
         is read-only"
    )]
    #[diagnostic(help("{INTERRUPTED}"))]
    Interrupted,
    /// The same, and it cannot be copied to be rolled back elsewhere.
    #[error(
        "an interrupted transaction must be rolled back first, and `{}` cannot be copied to do so: \
         {source}",
        path.display()
    )]
    #[diagnostic(help("{INTERRUPTED}"))]
    NoCopy {
        /// The vault.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The vault was switched to WAL mode, in which changes go unnoticed.
    #[error("the vault was switched to WAL mode by another program")]
    #[diagnostic(help("any postkey command that changes the vault switches it back"))]
    Wal,
    /// The disk is full.
    #[error("the disk is full")]
    #[diagnostic(help("free some disk space and try again"))]
    Full,
    /// The disk, or a limit on file sizes, prevented a write.
    #[error("cannot write the vault: input/output error")]
    #[diagnostic(help("check the disk (`dmesg`) and the file size limit (`ulimit -f`)"))]
    Disk,
    /// The disk failed to read the file, which may be intact.
    #[error("cannot read the vault: input/output error")]
    #[diagnostic(help(
        "check the disk (`dmesg`) and try again before you restore a backup: the vault may be \
         intact"
    ))]
    Unreadable,
    /// The process or the system has too many open files.
    #[error("cannot open the vault's files: {0}")]
    #[diagnostic(help("{NO_FILES}"))]
    NoFiles(io::Error),
    /// SQLite reports damage, which may also be an unreadable page: see [`super::diagnose`].
    #[error("the vault is damaged: {0}")]
    #[diagnostic(help("{DAMAGED}"))]
    Malformed(rusqlite::Error),
    /// The file's contents are damaged.
    #[error("the vault is damaged: {0}")]
    #[diagnostic(help("{DAMAGED}"))]
    Damaged(String),
    /// The stored data of one key is damaged; the others can be read.
    #[error("the key {} is damaged: {why}", crate::key::quoted(.key))]
    #[diagnostic(help(
        "`postkey doctor` finds other damage; if only the hash is damaged, run `postkey \
         regenerate NAME`, otherwise restore a backup with `postkey restore FILE`"
    ))]
    DamagedKey {
        /// Its name.
        key: String,
        /// What is damaged.
        why: String,
    },
    /// The operating system refused.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    #[diagnostic(help("{}", hint_of_io(source).unwrap_or_default()))]
    Io {
        /// The operation.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A presented secret could not be hashed.
    #[error("{0}")]
    NoMemory(HashError),
    /// SQLite refused.
    #[error("cannot use the vault: {0}")]
    Sqlite(rusqlite::Error),
    /// No key has this name.
    #[error("no key named `{0}`")]
    #[diagnostic(help("`postkey list` shows the keys in this vault"))]
    NoSuchKey(KeyName),
    /// Another key has this name.
    #[error("a key named `{0}` already exists")]
    #[diagnostic(help("choose another name"))]
    NameTaken(KeyName),
    /// Another key has this username.
    #[error("the username `{0}` belongs to another key")]
    #[diagnostic(help("choose another; keys can share a username only if it is an email address"))]
    UsernameTaken(Username),
    /// The login already has an imported password.
    #[error("the login `{0}` already has an imported password")]
    #[diagnostic(help("a login can have only one: leave this one out"))]
    PasswordTaken(Username),
    /// Another secret has this tail.
    #[error("the secret of `{0}` is already in this vault")]
    #[diagnostic(help("use the existing key; `postkey list` shows which one it is"))]
    SecretTaken(KeyName),
    /// Another key is the default key.
    #[error("the key `{0}` is already the default key")]
    #[diagnostic(help("a vault can have only one: leave out --default"))]
    DefaultTaken(KeyName),
    /// The key already has two secrets.
    #[error("`{0}` is already being rotated")]
    #[diagnostic(help("{}", way_out_of_rotation(_0)))]
    Rotating(KeyName),
    /// The key has an old secret that retired before its time.
    #[error("the old secret of `{0}` was retired early by a clock that was ahead")]
    #[diagnostic(help("{}", way_back_from_early_end(_0)))]
    RetiredEarly(KeyName),
    /// The key has changed since the operator was asked.
    #[error("`{0}` was changed by another process; nothing was done")]
    #[diagnostic(help("check it with `postkey show`, then try again"))]
    Changed(KeyName),
    /// The vault has changed since the operator was asked.
    #[error("the vault was changed by another process; nothing was done")]
    #[diagnostic(help("check what changed with `postkey log`, then try again"))]
    VaultChanged,
    /// The file to be written already exists.
    #[error("`{}` already exists", .0.display())]
    #[diagnostic(help("name another file, or move this one away (`backup` has --replace)"))]
    InTheWay(PathBuf),
    /// The folder for a copy or an export does not exist.
    #[error("the folder `{}` does not exist", .0.display())]
    #[diagnostic(help("create it first, or name a file elsewhere"))]
    NoFolder(PathBuf),
    /// The file is part of the vault itself.
    #[error("`{}` is the vault's own file or belongs to it", .0.display())]
    #[diagnostic(help("name another file"))]
    TheVaultItself(PathBuf),
    /// The file to be replaced by a copy belongs to another vault.
    #[error("`{}` is another vault, or a backup of one", .0.display())]
    #[diagnostic(help("name another file, or remove that one first"))]
    OfAnotherVault(PathBuf),
    /// The log was edited, or is damaged.
    #[error("audit log verification failed at entry {0}: it {1}")]
    #[diagnostic(help("run `postkey log verify` for details: the log was edited or is damaged"))]
    BrokenLog(i64, &'static str),
    /// The file was written, but may not survive a power failure.
    #[error("`{}` was written, but may not survive a power failure: {source}", path.display())]
    #[diagnostic(help("{}", hint_of_io(source).unwrap_or(UNSYNCED)))]
    Unsynced {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A backup cannot be used.
    #[error("cannot use the backup `{}`: {why}", path.display())]
    #[diagnostic(help("{}", hint_of_backup(why)))]
    Backup {
        /// The backup's file.
        path: PathBuf,
        /// What is wrong with it.
        why: Box<Error>,
    },
    /// The pending secret was dropped before it was activated.
    #[error("the pending secret was not delivered in time and was removed")]
    #[diagnostic(help("run the command again and deliver the secret without delay"))]
    PendingExpired,
    /// The database cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Database(#[from] DatabaseFault),
    /// A commit failed, and whether it happened could not be read.
    #[error("the change may or may not have been committed: {0}")]
    #[diagnostic(help("check `postkey list` and `postkey log` before trying again"))]
    Unsure(String),
}

impl Explained for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoSuchKey(_) => ExitStatus::NotFound,
            Self::Backup { why, .. } => why.exit_status(),
            Self::NameTaken(_)
            | Self::UsernameTaken(_)
            | Self::PasswordTaken(_)
            | Self::SecretTaken(_)
            | Self::DefaultTaken(_)
            | Self::Rotating(_) => ExitStatus::Exists,
            Self::RetiredEarly(_) => ExitStatus::No,
            Self::PendingExpired => ExitStatus::Undelivered,
            Self::Unsure(_) | Self::Unsynced { .. } => ExitStatus::Unsure,
            _ => ExitStatus::Trouble,
        }
    }
}

/// How to continue with a key that is being rotated.
pub fn way_out_of_rotation(name: &KeyName) -> String {
    format!(
        "check with `postkey show {name}` which secret is used; then run `postkey rotate --abort \
         {name}` to remove the new one, or `postkey rotate --finish {name}` to retire the old one"
    )
}

/// How secrets that a wrong clock ended become valid again.
pub fn way_back_from_early_end(name: &KeyName) -> String {
    format!(
        "if the clock is correct now, run `postkey doctor --accept-clock --confirm {name}` to \
         restore it"
    )
}

/// The hint if the problem is not the vault, but its backup.
fn hint_of_backup(why: &Error) -> &'static str {
    match why {
        Error::Missing(_) => "name the file that `postkey backup` wrote",
        Error::Unsafe { .. } => {
            "make a copy that only you can write, in a folder that is yours: \
             `install -m 600 BACKUP COPY`"
        }
        Error::NotAVault(_) => "name the file that `postkey backup` wrote",
        Error::Newer { .. } => "use the postkey that wrote it, or a newer one",
        Error::Wal => {
            "run `sqlite3 COPY 'PRAGMA journal_mode = DELETE'` on a copy of it, and restore that"
        }
        Error::BrokenLog(..) => {
            "it was edited or is damaged; pass --despite-log to restore it anyway"
        }
        _ => "use another backup; nothing was changed",
    }
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
    /// Whether the file's contents are inconsistent.
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

    /// SQLite does not say why it could not open a file; opening another file shows whether any can
    /// be.
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

    /// The same error with the key's name, if it is about damaged data.
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
