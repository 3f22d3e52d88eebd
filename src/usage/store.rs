//! An open usage record: its connection and path.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::Error;
use crate::files::FileId;
use crate::settings::Retention;

/// The usage record of a vault.
#[derive(Debug)]
pub struct UsageStore {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// The identity of the opened file.
    pub(super) file: Option<FileId>,
    /// The retention of recorded use, in days.
    pub(super) retention: Retention,
}

impl UsageStore {
    /// An empty record in memory that keeps this many days.
    #[cfg(test)]
    pub(super) fn in_memory(retention: &str) -> Self {
        let mut usage = Self {
            connection: Connection::open_in_memory().expect("memory"),
            path: PathBuf::new(),
            file: None,
            retention: retention.parse().expect("a retention"),
        };
        usage.begin(b"a vault").expect("an empty record");
        usage
    }

    pub(super) fn connect(path: &Path, wait: Duration, create: OpenFlags) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | create;
        Self::connect_with(path, path, wait, flags)
    }

    pub(super) fn connect_with(
        name: &Path,
        path: &Path,
        wait: Duration,
        flags: OpenFlags,
    ) -> Result<Self, Error> {
        let always = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connect = || {
            let connection = Connection::open_with_flags(name, flags | always)?;
            connection.busy_timeout(wait)?;
            // A short-lived process leaves the WAL to a later one: a checkpoint would cost more
            // than everything else.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            let modes = "PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF;";
            connection.execute_batch(modes).map(|()| connection)
        };
        let connection = connect().map_err(|error| Error::of(path, error))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            file: FileId::at(path),
            retention: Retention::default(),
        })
    }

    /// Runs `work`, and adds the file's name to its error.
    pub(super) fn with_path<T>(
        &self,
        display: impl FnOnce(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        display(self).map_err(|error| self.explained(error))
    }

    /// The error with the file's name, if SQLite did not know it.
    pub fn explained(&self, error: Error) -> Error {
        match error {
            Error::Sqlite(error) => Error::of(&self.path, error),
            error => error,
        }
    }

    /// Whether the file is still the one at its path.
    pub fn is_in_place(&self) -> bool {
        self.file.is_some() && self.file == FileId::at(&self.path)
    }
}
