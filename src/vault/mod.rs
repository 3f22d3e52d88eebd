//! The vault: one SQLite file that holds the keys, their hashes, and the log.
//!
//! The only place that says rusqlite. A vault is private from birth, never replaced by
//! rename (mail servers keep it open), never in WAL mode (that locks read-only users out),
//! and no lock on it outlives a call into this module.

mod action;
mod chain;
mod change;
mod changes;
mod checksum;
mod comparison;
mod copy;
mod dead;
mod descriptors;
mod diagnosis;
mod digest;
mod ended_terms;
mod error;
mod export;
mod future_terms;
mod head;
pub mod health;
mod imported;
mod keys;
mod log;
mod log_filter;
mod lookup;
mod migrations;
mod pages;
mod past_owner;
mod pending_secrets;
mod place;
mod policies;
mod replay;
mod restore;
mod rollback_copy;
mod schema;
mod sealed;
mod secret_history;
mod sudoer;
mod watch;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::files::FileId;

pub use crate::vault::ended_terms::SeenEnd;
pub use crate::vault::future_terms::{TermAhead, TermKind};
pub use crate::vault::log_filter::{LogFilter, LogOrder};
pub use crate::vault::past_owner::PastOwner;
pub use action::Action;
pub use chain::Chain;
pub use change::Change;
pub use changes::Changes;
pub use comparison::{Affected, Comparison, Effect, Reason};
pub use copy::{Copied, Head};
pub use dead::{Cause, DeadSecret, FoundSecret};
use descriptors::Connected;
pub use diagnosis::diagnose;
use diagnosis::is_of_disk;
pub use error::Error;
pub use export::ValidSecret;
pub use head::SavedHead;
pub use keys::{KeyId, Record, SecretInfo, StoredSecret};
pub use log::{Actor, Author, Entry, Field, differences, hex};
use migrations::DatabaseKind;
pub use pages::{Page, SortOrder};
pub use replay::Contradiction;
pub use restore::CurrentVault;
pub use sealed::Sealed;
pub use sudoer::Sudoer;
pub use watch::{ChangeWatch, ChangedAt};

/// Files up to this size are checked whole before they are written to, in bytes.
const CHECKED_SIZE: i64 = 8 << 20;

/// An open vault.
#[derive(Debug)]
pub struct Vault {
    connection: Connection,
    /// Dropped after the connection.
    _connected: Option<Connected>,
    path: PathBuf,
    wait: Duration,
    changes: Changes,
    is_new: bool,
    is_recovered: bool,
}

impl Vault {
    /// Opens the vault at the path, waiting up to `wait` whenever it is busy.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none, and whatever makes it unsafe or unreadable.
    pub fn open(path: &Path, wait: Duration) -> Result<Self, Error> {
        let path = place::resolve(path)?;
        if !place::exists(&path)? {
            return Err(Error::Missing(path));
        }
        let mut vault = Self::connect(path, wait, OpenFlags::empty())?;
        match migrations::identify(&vault.connection, &vault.path)? {
            DatabaseKind::Empty => Err(Error::Missing(vault.path)),
            DatabaseKind::Vault => {
                migrations::migrate_if_writable(&mut vault.connection, &vault.path)?;
                Ok(vault)
            }
        }
    }

    /// Opens the vault at the path, or makes it and its folder: 0600 and 0700.
    ///
    /// # Errors
    /// As [`Vault::open`], and whatever keeps it from being made.
    pub fn open_or_create(path: &Path, wait: Duration) -> Result<Self, Error> {
        place::make_folder(path)?;
        let path = place::resolve(path)?;
        place::exists(&path)?;
        let mut vault = Self::connect(path, wait, OpenFlags::SQLITE_OPEN_CREATE)?;
        vault.is_new = migrations::identify(&vault.connection, &vault.path)? == DatabaseKind::Empty;
        migrations::migrate(&mut vault.connection, &vault.path)?;
        Ok(vault)
    }

    fn connect(path: PathBuf, wait: Duration, create: OpenFlags) -> Result<Self, Error> {
        Self::connect_after("", path, wait, create)
    }

    /// The same where the schema may be damaged: all that can be done then is to write over it.
    fn connect_despite_damage(path: PathBuf, wait: Duration) -> Result<Self, Error> {
        // SQLite takes a schema that it cannot read for an empty one then.
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
            connected.settle(file);
        }
        connection.busy_timeout(wait)?;
        connection.execute_batch(prepare)?;
        configure(&connection)?;
        Ok(Self {
            connection,
            _connected: Some(connected),
            path,
            wait,
            changes: Changes::default(),
            is_new: false,
            is_recovered: false,
        })
    }

    /// A vault in a database that is open already, and that nobody else has.
    fn of(connection: Connection, path: PathBuf) -> Self {
        Self {
            connection,
            _connected: None,
            path,
            wait: Duration::ZERO,
            changes: Changes::default(),
            is_new: false,
            is_recovered: false,
        }
    }

    /// Waits at most so long from now on whenever it is busy.
    ///
    /// # Errors
    /// If SQLite refuses.
    pub fn set_wait(&mut self, wait: Duration) -> Result<(), Error> {
        self.wait = wait;
        Ok(self.connection.busy_timeout(wait)?)
    }

    /// Tells these of every change that is made through it.
    pub fn telling(self, changes: &Changes) -> Self {
        let changes = changes.clone();
        Self { changes, ..self }
    }

    /// Whether there was none before it was opened.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Where the vault lies, from the root on.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What tells this vault from every other: the hash of its log's first entry. A vault that
    /// never held a key has none.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn identity(&self) -> Result<Option<Vec<u8>>, Error> {
        identity(&self.connection)
    }

    /// Makes sure that the vault has the view that mail servers read.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] if it is older than the view and could not be brought up to date.
    pub fn expect_login_view(&self) -> Result<(), Error> {
        let query = "SELECT count(*) FROM sqlite_schema WHERE name = 'smtp_login'";
        match self.connection.query_row(query, [], |row| row.get(0))? {
            0 => Err(Error::ReadOnly),
            _ => Ok(()),
        }
    }

    /// Reads in one snapshot: while it lasts, and something was read in it, nobody commits.
    ///
    /// # Errors
    /// What `read` fails with.
    pub fn snapshot<T, E: From<Error>>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let _snapshot = self
            .connection
            .unchecked_transaction()
            .map_err(Error::from)?;
        read(self)
    }

    /// Makes sure, before it is written to, that the vault is whole, as far as it is small
    /// enough to check, and in rollback mode.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the first findings; nothing was written. [`Error::Interrupted`] if
    /// it is a copy of what cannot be written. [`Error::Busy`] if
    /// somebody switched to WAL and others have the vault open.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_recovered {
            return Err(Error::Interrupted);
        }
        let query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let size: i64 = self.connection.query_row(query, [], |row| row.get(0))?;
        if size <= CHECKED_SIZE {
            self.check_integrity()?;
        }
        self.leave_wal()
    }

    fn check_integrity(&self) -> Result<(), Error> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check(3)")?;
        let findings = statement.query_map([], |row| row.get(0))?;
        let findings: Vec<String> = findings.collect::<Result<_, _>>()?;
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
        let mode: String = self.connection.query_row(set, [], |row| row.get(0))?;
        if mode == "delete" {
            Ok(())
        } else {
            Err(Error::Busy)
        }
    }
}

fn identity(connection: &Connection) -> Result<Option<Vec<u8>>, Error> {
    Ok(log::origin(connection)?.map(Vec::from))
}

/// Sets what holds for every connection to a vault.
fn configure(connection: &Connection) -> Result<(), Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // FULL loses an acknowledged commit in a power cut; EXTRA does not.
    connection.execute_batch(
        "PRAGMA synchronous = EXTRA;
         PRAGMA secure_delete = ON;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;",
    )?;
    Ok(())
}

/// The file of that name that belongs to a vault. A folder may hold several vaults, and no two
/// may share a file: `NAME` beside `vault.db`, `OWN.NAME` beside `OWN.db`, and beside any other
/// vault its whole name, a dot and `NAME`.
pub fn beside(vault: &Path, name: &str) -> PathBuf {
    let own = vault.file_name().unwrap_or_default();
    let stem = own.to_str().and_then(|own| own.strip_suffix(".db"));
    vault.with_file_name(match stem {
        Some("vault") => OsString::from(name),
        Some(stem) => format!("{stem}.{name}").into(),
        None => [own, OsStr::new("."), OsStr::new(name)]
            .into_iter()
            .collect(),
    })
}

/// Whether there is a file beside a vault, at a path that was resolved with the vault's.
///
/// # Errors
/// [`Error::Unsafe`] if it is not private.
pub fn file_is_there(path: &Path) -> Result<bool, Error> {
    place::exists(path)
}

/// Whole seconds, as the vault stores time, as a timestamp.
fn timestamp(seconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_second(seconds).map_err(|_| Error::Damaged(format!("{seconds} is not a time")))
}
