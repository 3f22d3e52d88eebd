//! An open vault: its connection and state.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::descriptors::Connected;
use super::store::Store;
use super::{Changes, Error};
use crate::files::FileId;

/// An open vault.
#[derive(Debug)]
pub struct Vault {
    pub(super) store: Store,
    /// Dropped after the connection.
    _connected: Option<Connected>,
    pub(super) path: PathBuf,
    pub(super) wait: Duration,
    pub(super) changes: Changes,
    pub(super) is_new: bool,
    pub(super) is_recovered: bool,
}

impl Vault {
    pub(super) fn connect(path: PathBuf, wait: Duration, create: OpenFlags) -> Result<Self, Error> {
        Self::connect_after("", path, wait, create)
    }

    /// The same if the schema may be damaged: such a vault can only be overwritten.
    pub(super) fn connect_despite_damage(path: PathBuf, wait: Duration) -> Result<Self, Error> {
        // SQLite treats an unreadable schema as an empty one.
        let prepare = "PRAGMA writable_schema = ON";
        Self::connect_after(prepare, path, wait, OpenFlags::empty())
    }

    fn connect_after(
        prepare: &str,
        path: PathBuf,
        wait: Duration,
        create: OpenFlags,
    ) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | create;
        let mut connected = Connected::begin();
        let before = FileId::at(&path);
        let connection = Connection::open_with_flags(&path, flags)?;
        if let Some(file) = before.filter(|_| before == FileId::at(&path)) {
            connected.set_file(file);
        }
        connection.busy_timeout(wait)?;
        connection.execute_batch(prepare)?;
        configure(&connection)?;
        let vault = Self::of_store(Store::Sqlite(connection), path, wait);
        Ok(Self {
            _connected: Some(connected),
            ..vault
        })
    }

    /// A vault in a database that is already open, and that nobody else uses.
    pub(super) fn of(connection: Connection, path: PathBuf) -> Self {
        Self::of_store(Store::Sqlite(connection), path, Duration::ZERO)
    }

    /// A vault that is open.
    pub(super) fn of_store(store: Store, path: PathBuf, wait: Duration) -> Self {
        Self {
            store,
            _connected: None,
            path,
            wait,
            changes: Changes::default(),
            is_new: false,
            is_recovered: false,
        }
    }

    /// Limits how long each operation waits for a lock.
    pub fn set_wait(&mut self, wait: Duration) -> Result<(), Error> {
        self.wait = wait;
        self.store.set_wait(wait)
    }

    /// Reports every change that is made through it.
    pub fn reporting_to(self, changes: &Changes) -> Self {
        let changes = changes.clone();
        Self { changes, ..self }
    }

    /// The time of the database's clock, in whole seconds; `None` for a file, where it is the system's.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub fn clock(&self) -> Result<Option<Timestamp>, Error> {
        match &self.store {
            Store::Sqlite(_) => Ok(None),
            Store::Postgres(database) => database.clock().map(Some),
        }
    }

    /// Whether it was created when it was opened.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The vault's absolute path; for a database, one beside which the files are that belong to it
    /// on this host.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Configures a connection to a vault.
pub(super) fn configure(connection: &Connection) -> Result<(), Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // FULL loses an acknowledged commit on a power failure; EXTRA does not.
    connection.execute_batch(
        "PRAGMA synchronous = EXTRA;
         PRAGMA secure_delete = ON;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;",
    )?;
    Ok(())
}
