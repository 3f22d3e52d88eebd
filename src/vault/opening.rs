//! Opens a vault, and checks it before it is written to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;

use super::database::{Database, DatabaseAddress, DatabaseOptions};
use super::diagnosis::is_of_disk;
use super::schema::{self, DatabaseKind};
use super::store::Store;
use super::{Error, Vault, location, log, migrations};

/// The maximum size for a full check before writing, in bytes.
const FULL_CHECK_SIZE: i64 = 8 << 20;

impl Vault {
    /// Opens the vault at the path, waiting up to `wait` whenever it is locked.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none; if it is not safe or not readable.
    pub fn open(path: &Path, wait: Duration) -> Result<Self, Error> {
        let path = location::resolve(path)?;
        if !location::exists(&path)? {
            return Err(Error::Missing(path));
        }
        let vault = Self::connect(path, wait, OpenFlags::empty())?;
        match schema::identify(vault.store.sqlite()?, &vault.path)? {
            DatabaseKind::Empty => Err(Error::Missing(vault.path)),
            DatabaseKind::Vault => {
                migrations::migrate_if_writable(vault.store.sqlite()?, &vault.path)?;
                Ok(vault)
            }
        }
    }

    /// Opens the vault at the path, or creates it and its folder, with mode 0600 and 0700.
    ///
    /// # Errors
    /// Like [`Vault::open`], and if it cannot be created.
    pub fn open_or_create(path: &Path, wait: Duration) -> Result<Self, Error> {
        location::make_folder(path)?;
        let path = location::resolve(path)?;
        location::exists(&path)?;
        let mut vault = Self::connect(path, wait, OpenFlags::SQLITE_OPEN_CREATE)?;
        vault.is_new = schema::identify(vault.store.sqlite()?, &vault.path)? == DatabaseKind::Empty;
        migrations::migrate(vault.store.sqlite()?, &vault.path)?;
        Ok(vault)
    }

    /// Opens the vault in a database, waiting up to `wait` for the server and whenever it is locked.
    /// The files that belong to it are beside `local`, which does not exist.
    ///
    /// # Errors
    /// If the database cannot be reached, or has no vault that this postkey can use.
    pub fn open_database(
        address: &DatabaseAddress,
        options: &DatabaseOptions,
        local: PathBuf,
        wait: Duration,
    ) -> Result<Self, Error> {
        let database = Database::connect(address, options, wait)?;
        database.expect_schema(*migrations::schemas().end())?;
        Ok(Self::of_store(
            Store::Postgres(Box::new(database)),
            local,
            wait,
        ))
    }

    /// The identity of this vault: the hash of its log's first entry. `None` if it never had a key.
    pub fn identity(&self) -> Result<Option<Vec<u8>>, Error> {
        log::identity(&self.store)
    }

    /// The version of its schema.
    pub(super) fn schema_version(&self) -> Result<i64, Error> {
        match &self.store {
            Store::Sqlite(connection) => Ok(migrations::versions(connection)?.0),
            // An older one is refused.
            Store::Postgres(_) => Ok(*migrations::schemas().end()),
        }
    }

    /// Makes sure that the vault has the view that mail servers read.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] if it is older than the view and could not be migrated.
    pub fn expect_login_view(&self) -> Result<(), Error> {
        if let Store::Postgres(_) = self.store {
            return Ok(());
        }
        let query = "SELECT 1 FROM sqlite_schema WHERE name = 'smtp_login'";
        match self.store.exists(query, &[])? {
            true => Ok(()),
            false => Err(Error::ReadOnly),
        }
    }

    /// Reads in one snapshot: after the first read, nobody can commit until it ends.
    pub fn snapshot<T, E: From<Error>>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let _snapshot = self.store.begin_snapshot()?;
        read(self)
    }

    /// Makes sure, before writing, that the vault is intact, if it is small enough to check, and in
    /// rollback mode.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the first findings; nothing was written. [`Error::Interrupted`] if
    /// it is a copy of a read-only vault. [`Error::Busy`] if it was switched to WAL and is open
    /// elsewhere.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_recovered {
            return Err(Error::Interrupted);
        }
        if let Store::Postgres(_) = self.store {
            return Ok(());
        }
        let query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let size: i64 = self.store.only(query, &[], |row| row.get(0))?;
        if size <= FULL_CHECK_SIZE {
            self.check_integrity()?;
        }
        self.leave_wal()
    }

    pub(super) fn check_integrity(&self) -> Result<(), Error> {
        let query = "PRAGMA integrity_check(3)";
        let findings: Vec<String> = self.store.all(query, &[], |row| row.get(0))?;
        match findings.as_slice() {
            [only] if only == "ok" => Ok(()),
            findings if findings.iter().any(|finding| is_of_disk(finding)) => {
                Err(Error::Unreadable)
            }
            _ => Err(Error::Damaged(findings.join("; ").replace('\n', " "))),
        }
    }

    fn leave_wal(&self) -> Result<(), Error> {
        let set = "PRAGMA journal_mode = DELETE";
        let mode: String = self.store.only(set, &[], |row| row.get(0))?;
        if mode == "delete" {
            Ok(())
        } else {
            Err(Error::Busy)
        }
    }
}
