//! A usage record that is open: its connection, and where it lies.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::Error;
use crate::files::FileId;
use crate::settings::Retention;

/// The record of uses of one vault's keys.
#[derive(Debug)]
pub struct UsageStore {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// The file that was opened.
    pub(super) file: Option<FileId>,
    /// For how many days use is kept that is recorded.
    pub(super) retention: Retention,
}

impl UsageStore {
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
            // A short-lived process leaves the log to a later one: to move it costs it more
            // than all else.
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

    /// Does something, and names the file in whatever error comes of it.
    pub(super) fn with_path<T>(
        &self,
        display: impl FnOnce(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        display(self).map_err(|error| self.explained(error))
    }

    /// The same error, with the file's name where SQLite did not know it.
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
