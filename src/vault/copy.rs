//! Copies of a vault: consistent, private from birth, whole or not there.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::{Error, Vault, log, migrations, place, schema};
use crate::files::{self, Draft, FileId, FileRole, IfExists, folder_of, real};

/// What SQLite puts behind a file's name for what belongs to it.
const SQLITE_SUFFIXES: [&str; 4] = ["", "-journal", "-wal", "-shm"];

/// How much of a file tells whether it is a vault or a copy of one, in bytes
/// (<https://www.sqlite.org/fileformat2.html>, section 1.3).
const HEADER: u64 = 100;

/// Where a database says what it is of.
const APPLICATION: std::ops::Range<usize> = 68..72;

/// A copy that was made and read again.
#[derive(Debug)]
pub struct Copied {
    /// Where it lies, from the root on.
    pub path: PathBuf,
    /// How many keys it holds.
    pub keys: i64,
    /// The newest entry of its log; a vault that never held a key has none.
    pub head: Option<Head>,
    /// The first entry of its log that does not hold, and why.
    pub broken: Option<(i64, &'static str)>,
}

/// The newest entry of a log: its number and its hash.
pub type Head = (i64, [u8; 32]);

impl Vault {
    /// Copies the vault to a file of its own as it is at one moment, 0600 in a folder that
    /// nobody else can write to. The copy appears under its name when it is whole, read again,
    /// and on the disk.
    ///
    /// # Errors
    /// If a file already exists and is not to be replaced, the place is not safe, or the vault
    /// cannot be read whole; then there is no copy.
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

    /// The resolved path, if what is told of the vault's secrets can go there: to a folder that
    /// nobody else can write to, and not over the vault itself.
    ///
    /// # Errors
    /// [`Error::Unsafe`], [`Error::TheVaultItself`], or if there is no such folder.
    pub fn expect_export_target(&self, path: &Path) -> Result<PathBuf, Error> {
        let path = place::resolve(path).map_err(for_copy)?;
        if self.includes(&path) {
            return Err(Error::TheVaultItself(path));
        }
        Ok(path)
    }

    /// The resolved path, if a copy can go there.
    fn expect_private_folder(&self, path: &Path, existing: IfExists) -> Result<PathBuf, Error> {
        let path = self.expect_export_target(path)?;
        match place::exists(&path).map_err(for_copy)? {
            true if matches!(existing, IfExists::Keep) => Err(Error::InTheWay(path)),
            true => self.expect_earlier(&path).map(|()| path),
            false => Ok(path),
        }
    }

    /// Makes sure that a file, if it is a copy of a vault, is one of this vault: it begins with
    /// the same log. What it is else, is told when it is to be replaced.
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
        match log::origin(&other) {
            Ok(None) => Ok(()),
            Ok(origin) if origin == log::origin(&self.connection)? => Ok(()),
            Ok(_) => Err(Error::OfAnotherVault(path.to_owned())),
            Err(_) => Err(Error::InTheWay(path.to_owned())),
        }
    }

    /// Whether SQLite would take the file for the vault or a part of it.
    pub fn includes(&self, path: &Path) -> bool {
        includes(&self.path, path)
    }

    /// Copies all pages in one go, for a copy by and by begins anew whenever somebody writes;
    /// writers wait no longer than the page cache takes. Tells the newest log entry of the moment.
    pub(super) fn write_copy(&self, copy: &Path) -> Result<Option<Head>, Error> {
        let mut target = open(copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Nobody else has the file, and it is synced when the vault is free again.
        target.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;")?;
        let head = self.snapshot(|vault| {
            let head = log::head(&vault.connection);
            copy_pages(&vault.connection, &mut target)?;
            // Of a damaged vault even this may not be readable.
            Ok::<_, Error>(head.unwrap_or_default())
        })?;
        Ok(head)
    }
}

/// Whether SQLite would take a file for the database at a path, or for a part of that; neither
/// need be there yet.
fn includes(database: &Path, path: &Path) -> bool {
    let (own, real) = (real(database), real(path));
    let is_named_so = SQLITE_SUFFIXES
        .iter()
        .any(|end| with_end(&own, end) == real);
    is_named_so || FileId::at(&real).is_some_and(|file| FileId::at(&own) == Some(file))
}

/// Whether a file that begins so is a vault, or a copy of one.
fn begins_vault(start: &[u8]) -> bool {
    let application = (migrations::APPLICATION_ID as u32).to_be_bytes();
    start.starts_with(b"SQLite format 3\0") && start.get(APPLICATION) == Some(&application[..])
}

/// The same refusal, with a hint that is a copy's.
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

/// The path with something behind its name.
pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Copies a whole database into another, in one transaction of that one.
pub(super) fn copy_pages(from: &Connection, to: &mut Connection) -> Result<(), Error> {
    match Backup::new(from, to)?.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(Error::Busy),
    }
}

/// Opens a file that is there.
pub(super) fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let always = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Ok(Connection::open_with_flags(path, flags | always)?)
}

/// Makes sure that the copy is whole and is what the vault was.
fn read_again(copy: &Path, path: &Path, head: Option<Head>) -> Result<Copied, Error> {
    let connection = open(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::identify(&connection, copy)?;
    let vault = Vault::of(connection, path.to_owned());
    vault.check_integrity()?;
    let chain = vault.verify_log()?;
    let found = log::head(&vault.connection)?;
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
