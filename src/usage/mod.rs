//! Who used what when: a second SQLite file beside the vault, written often and never precious.
//!
//! It may be deleted at any time; keys, secrets and the log are in the vault alone. Unlike the
//! vault it is in WAL mode, and a power cut may cost its last second.

mod read;
mod write;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use crate::vault::{self, Vault};
pub use read::{Address, Day, Details, Refused, SecretUse, Summary};
pub use write::Sighting;

/// The verdict that counts as a use.
pub const ACCEPTED: &str = "accepted";

/// The key number under which is counted what no key could be found for.
pub const NOBODY: i64 = 0;

/// The schema's version; a file with another one is not ours to use.
const VERSION: i64 = 1;

/// How many days of counts are kept.
const KEPT_DAYS: i64 = 400;

/// The record of uses of one vault's keys.
#[derive(Debug)]
pub struct Usage {
    connection: Connection,
    path: PathBuf,
    /// The device and number of the file that was opened.
    file: Option<(u64, u64)>,
}

/// Why use cannot be read or recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not safe to use, or its vault cannot be read.
    #[error("{0}")]
    Vault(#[from] vault::Error),
    /// The file is something else, damaged, or of another version.
    #[error("`{}` cannot be used; it may be deleted, no key is in it", .0.display())]
    Useless(PathBuf),
    /// SQLite refused.
    #[error("{0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Usage {
    /// Opens what is recorded of the vault's keys, if anything is.
    ///
    /// # Errors
    /// If there is a file that cannot be read.
    pub fn open(vault: &Vault, wait: Duration) -> Result<Option<Self>, Error> {
        let path = path(vault.path());
        if !vault::file_is_there(&path)? {
            return Ok(None);
        }
        let usage = Self::connect(path, wait, OpenFlags::empty())?;
        let is_of_vault = usage.guarded(|usage| {
            Ok(usage.version()? == VERSION && usage.vault()? == vault.identity()?)
        })?;
        Ok(Some(usage).filter(|_| is_of_vault))
    }

    /// Opens the record of the vault's keys, or begins it; one that was another vault's is
    /// begun anew.
    ///
    /// # Errors
    /// If there is a file that cannot be used, or none can be made.
    pub fn open_or_make(vault: &Vault, wait: Duration) -> Result<Self, Error> {
        let path = path(vault.path());
        vault::file_is_there(&path)?;
        let mut usage = Self::connect(path, wait, OpenFlags::SQLITE_OPEN_CREATE)?;
        let identity = vault.identity()?;
        if usage.guarded(|usage| Ok(usage.version()? != VERSION || usage.vault()? != identity))? {
            usage.begin(identity)?;
        }
        Ok(usage)
    }

    fn connect(path: PathBuf, wait: Duration, create: OpenFlags) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | create;
        let connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(wait)?;
        // A short-lived process leaves the log to a later one: to move it costs it more than
        // all else.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF;")?;
        let file = file_at(&path);
        Ok(Self {
            connection,
            path,
            file,
        })
    }

    /// Tells damage and foreign files from other trouble.
    fn guarded<T>(&self, look: impl FnOnce(&Self) -> Result<T, Error>) -> Result<T, Error> {
        look(self).map_err(|error| match error {
            Error::Sqlite(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown)
                ) =>
            {
                Error::Useless(self.path.clone())
            }
            error => error,
        })
    }

    /// The schema's version; 0 in an empty file.
    fn version(&self) -> Result<i64, Error> {
        let query =
            "SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version";
        let marks = self
            .connection
            .query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        match marks {
            (VERSION, _) => Ok(VERSION),
            (0, 0) => Ok(0),
            _ => Err(Error::Useless(self.path.clone())),
        }
    }

    /// Which vault's keys are meant.
    fn vault(&self) -> Result<Option<Vec<u8>>, Error> {
        let row = self
            .connection
            .query_row("SELECT vault FROM about", [], |row| row.get(0));
        Ok(row.optional()?)
    }

    fn begin(&mut self, vault: Option<Vec<u8>>) -> Result<(), Error> {
        let mode = "PRAGMA journal_mode = WAL";
        self.connection.query_row(mode, [], |_| Ok(()))?;
        let transaction = write::immediate(&mut self.connection)?;
        let tables: i64 =
            transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            transaction.execute_batch(include_str!("schema.sql"))?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        let forget = "DELETE FROM secrets; DELETE FROM days; DELETE FROM addresses; \
                      DELETE FROM windows; DELETE FROM about;";
        transaction.execute_batch(forget)?;
        let remember = "INSERT INTO about (only_row, vault) VALUES (1, ?1)";
        transaction.execute(remember, [vault.unwrap_or_default()])?;
        Ok(transaction.commit()?)
    }

    /// Whether the file is still the one at its path.
    pub fn is_in_place(&self) -> bool {
        self.file.is_some() && self.file == file_at(&self.path)
    }
}

/// The device and number of the file at a path.
fn file_at(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Where the use of a vault's keys is recorded: `usage.db` beside `vault.db`, otherwise
/// `NAME.usage.db`, for a folder may hold several vaults.
fn path(vault: &Path) -> PathBuf {
    match vault.file_stem().and_then(|stem| stem.to_str()) {
        Some("vault") | None => vault.with_file_name("usage.db"),
        Some(stem) => vault.with_file_name(format!("{stem}.usage.db")),
    }
}

/// The day that a moment falls on, in days since 1970, UTC.
pub fn day_of(moment: Timestamp) -> i64 {
    moment.as_second().div_euclid(86_400)
}
