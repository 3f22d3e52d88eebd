//! Copies of a vault: consistent, private from birth, whole or not there.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tempfile::{Builder, PathPersistError, TempPath};

use super::{Error, FileId, Vault, log, migrations, place};

/// What SQLite puts behind a file's name for what belongs to it.
const COMPANIONS: [&str; 4] = ["", "-journal", "-wal", "-shm"];

/// What becomes of a file that is where the copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is left alone, and no copy is made.
    Free,
    /// It is replaced whole.
    Taken,
}

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
    /// If a file is there already and is not to be replaced, the place is not safe, or the vault
    /// cannot be read whole; then there is no copy.
    pub fn copy_to(&self, path: &Path, place: Place) -> Result<Copied, Error> {
        let path = self.expect_place(path, place)?;
        let copy = new_file_for(&path)?;
        let head = self.write_copy(&copy)?;
        let copied = read_again(&copy, &path, head)?;
        put_in_place(copy, &path, place)?;
        Ok(copied)
    }

    /// The resolved path, if a copy can go there.
    fn expect_place(&self, path: &Path, place: Place) -> Result<PathBuf, Error> {
        let path = place::resolve(path).map_err(elsewhere)?;
        if self.consists_of(&path) {
            return Err(Error::TheVaultItself(path));
        }
        match place::exists(&path).map_err(elsewhere)? {
            true if place == Place::Free => Err(Error::InTheWay(path)),
            _ => Ok(path),
        }
    }

    /// Whether SQLite would take the file for the vault or a part of it.
    pub fn consists_of(&self, path: &Path) -> bool {
        let own = COMPANIONS
            .iter()
            .any(|end| with_end(&self.path, end) == path);
        own || FileId::at(path).is_some_and(|file| FileId::at(&self.path) == Some(file))
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
        drop(target);
        sync(copy)?;
        Ok(head)
    }
}

/// The same refusal, with a way out that is a copy's.
fn elsewhere(error: Error) -> Error {
    match error {
        Error::Unsafe { path, why, .. } => Error::Unsafe {
            path,
            why,
            mend: "name another file, in a folder that only you can write to",
        },
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

/// Makes an empty file beside the path, 0600; it is gone if nothing comes of it.
pub(super) fn new_file_for(path: &Path) -> Result<TempPath, Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished-");
    let folder = path.parent().unwrap_or(Path::new("/"));
    let made = Builder::new().prefix(&name).tempfile_in(folder);
    made.map(tempfile::NamedTempFile::into_temp_path)
        .map_err(|source| failed("make a file beside", path, source))
}

/// Makes sure that the copy is whole and is what the vault was.
fn read_again(copy: &Path, path: &Path, head: Option<Head>) -> Result<Copied, Error> {
    let connection = open(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    migrations::identify(&connection, copy)?;
    let vault = Vault::of(connection, path.to_owned());
    vault.check_integrity()?;
    let chain = vault.verify_log()?;
    let found = log::head(&vault.connection)?;
    if found != head {
        return Err(Error::Damaged("the copy is not what was copied".to_owned()));
    }
    Ok(Copied {
        path: path.to_owned(),
        keys: vault.count()?,
        head,
        broken: chain.broken,
    })
}

/// Gives the finished copy its name, for good.
pub(super) fn put_in_place(copy: TempPath, path: &Path, place: Place) -> Result<(), Error> {
    let named = match place {
        Place::Free => copy.persist_noclobber(path),
        Place::Taken => copy.persist(path),
    };
    named.map_err(|PathPersistError { error, .. }| match error.kind() {
        ErrorKind::AlreadyExists => Error::InTheWay(path.to_owned()),
        _ => failed("write", path, error),
    })?;
    place::sync_folder(path).map_err(|source| {
        if place == Place::Free {
            // What may be gone after a power cut is not to be relied on.
            let _ = fs::remove_file(path);
        }
        failed("sync the folder of", path, source)
    })
}

fn sync(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| failed("sync", path, source))
}

fn failed(doing: &'static str, path: &Path, source: std::io::Error) -> Error {
    if source.kind() == ErrorKind::StorageFull {
        return Error::Full;
    }
    Error::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
