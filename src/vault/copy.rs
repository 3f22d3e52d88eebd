//! Copies of a vault: consistent, private from creation, complete or absent.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::store::Store;
use super::{Error, Vault, location, log, migrations, schema};
use crate::files::{self, Draft, FileId, FileRole, IfExists, folder_of, real};

/// The suffixes of files that belong to an SQLite database.
const SQLITE_SUFFIXES: [&str; 4] = ["", "-journal", "-wal", "-shm"];

/// How many bytes of a file show whether it is a vault or a copy of one
/// (<https://www.sqlite.org/fileformat2.html>, section 1.3).
const HEADER: u64 = 100;

/// The location of the application id.
const APPLICATION: std::ops::Range<usize> = 68..72;

/// A copy that was written and verified.
#[derive(Debug)]
pub struct Copied {
    /// Its absolute path.
    pub path: PathBuf,
    /// How many keys it holds.
    pub keys: i64,
    /// The newest entry of its log; `None` if the vault never had a key.
    pub head: Option<Head>,
    /// The first invalid entry of its log, and the reason.
    pub broken: Option<(i64, &'static str)>,
}

/// The newest entry of a log: its number and its hash.
pub type Head = (i64, [u8; 32]);

impl Vault {
    /// Copies the vault at one moment to a file of its own, with mode 0600 in a folder that nobody
    /// else can write to. The copy appears under its name once it is complete, verified and
    /// durable.
    ///
    /// # Errors
    /// If an existing file must not be replaced, the folder is not safe, or the vault cannot be
    /// read completely; then there is no copy.
    pub fn copy_to(&self, path: &Path, existing: IfExists) -> Result<Copied, Error> {
        let path = self.expect_private_folder(path, existing)?;
        let existing = match existing {
            IfExists::Keep => IfExists::Keep,
            _ => IfExists::ReplaceIf(begins_vault),
        };
        let draft = Draft::begin(&path, FileRole::Backup, existing)?;
        let head = self.write_copy(&draft.path())?;
        let copied = read_again(&draft.path(), &path, head)?;
        draft.publish()?;
        Ok(copied)
    }

    /// The resolved path, if an export may be written there: in a folder that nobody else can write
    /// to, and not over the vault itself.
    ///
    /// # Errors
    /// [`Error::Unsafe`], [`Error::TheVaultItself`], or if the folder does not exist.
    pub fn expect_export_target(&self, path: &Path) -> Result<PathBuf, Error> {
        let path = location::resolve(path).map_err(for_copy)?;
        if self.includes(&path) {
            return Err(Error::TheVaultItself(path));
        }
        Ok(path)
    }

    /// The resolved path, if a copy may be written there.
    fn expect_private_folder(&self, path: &Path, existing: IfExists) -> Result<PathBuf, Error> {
        let path = self.expect_export_target(path)?;
        match location::exists(&path).map_err(for_copy)? {
            true if matches!(existing, IfExists::Keep) => Err(Error::InTheWay(path)),
            true => self.expect_earlier(&path).map(|()| path),
            false => Ok(path),
        }
    }

    /// Makes sure that an existing copy of a vault is one of this vault: its log has the same first
    /// entry. Other kinds of files are refused when replacing them.
    fn expect_earlier(&self, path: &Path) -> Result<(), Error> {
        let is_copy = |path: &Path| {
            let mut start = Vec::new();
            let read = File::open(path).and_then(|file| file.take(HEADER).read_to_end(&mut start));
            read.is_ok() && begins_vault(&start)
        };
        if !is_copy(path) {
            return Ok(());
        }
        let other = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        match log::origin(&Store::Sqlite(other)) {
            Ok(None) => Ok(()),
            Ok(origin) if origin == log::origin(&self.store)? => Ok(()),
            Ok(_) => Err(Error::OfAnotherVault(path.to_owned())),
            Err(_) => Err(Error::InTheWay(path.to_owned())),
        }
    }

    /// Whether SQLite would take the file for the vault or a part of it.
    pub fn includes(&self, path: &Path) -> bool {
        includes(&self.path, path)
    }

    /// Copies all pages at once, since an incremental copy restarts at every write; writers only
    /// wait while the page cache is read. Returns the newest log entry.
    pub(super) fn write_copy(&self, copy: &Path) -> Result<Option<Head>, Error> {
        let mut target = open(copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Nobody else has the file yet, and it is synced once the vault is unlocked.
        target.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;")?;
        let head = self.snapshot(|vault| {
            let head = log::head(&vault.store);
            copy_pages(vault.store.sqlite()?, &mut target)?;
            // If the vault is damaged, even this may be unreadable.
            Ok::<_, Error>(head.unwrap_or_default())
        })?;
        Ok(head)
    }
}

/// Whether SQLite would take a file for the database at a path, or for a part of it; neither has to
/// exist.
fn includes(database: &Path, path: &Path) -> bool {
    let (own, real) = (real(database), real(path));
    let is_named_so = SQLITE_SUFFIXES
        .iter()
        .any(|end| with_end(&own, end) == real);
    is_named_so || FileId::at(&real).is_some_and(|file| FileId::at(&own) == Some(file))
}

/// Whether a file with these first bytes is a vault or a copy of one.
fn begins_vault(start: &[u8]) -> bool {
    let application = (migrations::APPLICATION_ID as u32).to_be_bytes();
    start.starts_with(b"SQLite format 3\0") && start.get(APPLICATION) == Some(&application[..])
}

/// The same error, with a hint for copies.
fn for_copy(error: Error) -> Error {
    match error {
        Error::Unsafe { path, why, .. } => Error::Unsafe {
            path,
            why,
            hint: "name another file, in a folder that only you can write to",
        },
        Error::Missing(path) => Error::NoFolder(folder_of(&path).to_owned()),
        error => error,
    }
}

/// The path with a suffix.
pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Copies a whole database into another, in one transaction there.
pub(super) fn copy_pages(from: &Connection, to: &mut Connection) -> Result<(), Error> {
    match Backup::new(from, to)?.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(Error::Busy),
    }
}

/// Opens an existing file.
pub(super) fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let always = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Ok(Connection::open_with_flags(path, flags | always)?)
}

/// Makes sure that the copy is complete and equal to the vault.
fn read_again(copy: &Path, path: &Path, head: Option<Head>) -> Result<Copied, Error> {
    let connection = open(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::identify(&connection, copy)?;
    let vault = Vault::of(connection, path.to_owned());
    vault.check_integrity()?;
    let chain = vault.verify_log()?;
    let found = log::head(&vault.store)?;
    if found != head {
        return Err(Error::Damaged(
            "the copy does not match the original".to_owned(),
        ));
    }
    Ok(Copied {
        path: path.to_owned(),
        keys: vault.count()?,
        head,
        broken: chain.broken,
    })
}

impl From<files::Error> for Error {
    fn from(error: files::Error) -> Self {
        match error {
            files::Error::Refused { path, why, hint } => Self::Unsafe { path, why, hint },
            files::Error::Io { source, .. } if source.kind() == ErrorKind::StorageFull => {
                Self::Full
            }
            files::Error::NoFolder(path) => Self::NoFolder(folder_of(&path).to_owned()),
            files::Error::Io { path, source } => Self::Io {
                doing: "write",
                path,
                source,
            },
            files::Error::Unsynced { path, source } => Self::Unsynced { path, source },
        }
    }
}
