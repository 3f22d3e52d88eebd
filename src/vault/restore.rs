//! Restores a backup: checks it, then writes it into the vault's file in one transaction, since
//! mail servers and `serve` keep the file open.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::copy::{Head, copy_pages, open, with_end};
use super::opened::configure;
use super::schema::{self, DatabaseKind};
use super::{Author, ChangeWatch, Error, Field, KeyId, Record, Vault, location, log, migrations};
use crate::files::{self, Draft, FileRole, IfExists, sync_folder};
use crate::key::{Key, Status};

/// The bytes of a database's header with the journal mode; 1 is a rollback journal
/// (<https://www.sqlite.org/fileformat2.html>, section 1.3).
const JOURNAL_VERSIONS: std::ops::Range<usize> = 18..20;

/// How many copies within one second get names.
const MAX_COPIES: u32 = 100;

/// The vault that a backup will replace, if it exists.
#[derive(Debug)]
pub struct CurrentVault {
    path: PathBuf,
    wait: Duration,
    vault: Option<Vault>,
    /// Its state when it was inspected.
    seen: Option<VaultState>,
    trouble: Option<Error>,
}

/// The state of a vault at one moment.
#[derive(Debug)]
struct VaultState {
    watch: ChangeWatch,
    counter: Result<u32, Error>,
}

impl Vault {
    /// Reads a backup into memory, and migrates it there; does not change the file.
    ///
    /// # Errors
    /// [`Error::Backup`] if it is not a complete vault of this or an older schema, or not private.
    /// Verifying its log is left to the caller.
    pub fn read_backup(path: &Path, wait: Duration) -> Result<Self, Error> {
        let named = |why| Error::Backup {
            path: path.to_owned(),
            why: Box::new(why),
        };
        let resolved = location::resolve(path).map_err(named)?;
        read_file(&resolved, wait).map_err(named)
    }

    /// Prepares a backup in memory to replace the vault, and logs the restore in it: drops pending
    /// secrets, makes sure that no number is used again, and deactivates these keys.
    pub fn prepare(
        &mut self,
        author: &Author,
        present: &CurrentVault,
        deactivated: &[Record],
        changes: &[Field],
    ) -> Result<(), Error> {
        let last = present.last_number();
        let present = present.vault.as_ref();
        let dead = present.map(|vault| vault.all_as_dead(author.clock));
        self.change(author, |change| {
            change.forget_pending()?;
            change.import_dead(&dead.unwrap_or_default())?;
            change.reserve_numbers(last)?;
            for record in deactivated {
                let key = Key {
                    status: Status::Inactive,
                    ..record.key.clone()
                };
                change.save(record, &key)?;
            }
            change.note(changes)
        })
    }

    /// The newest entry of the log.
    pub fn head(&self) -> Result<Option<Head>, Error> {
        log::head(&self.store)
    }
}

fn read_file(path: &Path, wait: Duration) -> Result<Vault, Error> {
    if !location::exists(path)? {
        return Err(Error::Missing(path.to_owned()));
    }
    expect_rollback_mode(path)?;
    let file = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    file.busy_timeout(wait)?;
    if schema::identify(&file, path)? == DatabaseKind::Empty {
        return Err(Error::NotAVault(path.to_owned()));
    }
    let mut memory = Connection::open_in_memory()?;
    copy_pages(&file, &mut memory)?;
    configure(&memory)?;
    let vault = Vault::of(memory, path.to_owned());
    vault.check_integrity()?;
    migrations::migrate_own(vault.store.sqlite()?)?;
    schema::identify(vault.store.sqlite()?, path)?;
    Ok(vault)
}

/// A file in WAL mode may not be complete, and reading it would create files beside it.
fn expect_rollback_mode(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Io {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let mut header = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let most = JOURNAL_VERSIONS.end as u64;
    file.take(most).read_to_end(&mut header).map_err(failed)?;
    match header.get(JOURNAL_VERSIONS) {
        Some([1, 1]) => Ok(()),
        Some([2, 2]) => Err(Error::Wal),
        _ => Err(Error::NotAVault(path.to_owned())),
    }
}

impl CurrentVault {
    /// Opens the existing vault as it is, even if damaged or edited; it need not exist.
    pub fn open(path: &Path, wait: Duration) -> Result<Self, Error> {
        let mut present = Self {
            path: path.to_owned(),
            wait,
            vault: None,
            seen: None,
            trouble: None,
        };
        let resolved = match location::resolve(path) {
            Err(Error::Missing(_)) => return Ok(present),
            resolved => resolved?,
        };
        if !location::exists(&resolved)? || location::is_empty(&resolved) {
            return Ok(present);
        }
        let watch = ChangeWatch::new(&resolved)?;
        let counter = watch.counter();
        let vault = match Vault::connect(resolved.clone(), wait, OpenFlags::empty()) {
            Err(error) if error.is_damage() => Vault::connect_despite_damage(resolved, wait)?,
            vault => vault?,
        };
        let found = schema::identify(vault.store.sqlite()?, &vault.path);
        present.trouble = match found.and_then(|found| expect_readable(&vault, found)) {
            Ok(DatabaseKind::Empty) => return Ok(present),
            Ok(DatabaseKind::Vault) => None,
            Err(error @ Error::Foreign(_)) => Some(error),
            Err(error) if error.is_damage() => Some(error),
            Err(error) => return Err(error),
        };
        present.vault = Some(vault);
        present.seen = Some(VaultState { watch, counter });
        Ok(present)
    }

    /// The vault, if it exists.
    pub fn vault(&self) -> Option<&Vault> {
        self.vault.as_ref()
    }

    /// Why its contents may be wrong.
    pub fn trouble(&self) -> Option<&Error> {
        self.trouble.as_ref()
    }

    /// The highest number that a key ever had, as far as it can be read.
    fn last_number(&self) -> KeyId {
        let last = self.vault.as_ref().map(|vault| vault.store.last_key());
        last.and_then(|last| last.ok().flatten())
            .unwrap_or_default()
    }

    /// Copies the existing vault, if any, as it is to `vault.db.before-restore-` and the time;
    /// returns the path.
    pub fn save(&self, now: Timestamp) -> Result<Option<PathBuf>, Error> {
        let Some(vault) = &self.vault else {
            return Ok(None);
        };
        let path = free_path(&vault.path, now)?;
        let draft = Draft::begin(&path, FileRole::Vault, IfExists::Keep)?;
        vault.write_copy(&draft.path())?;
        draft.publish().map_err(files::Error::or_not_written)?;
        Ok(Some(path))
    }

    /// Writes a prepared backup into the vault's file, or creates the file.
    ///
    /// # Errors
    /// [`Error::VaultChanged`] if the vault has changed since it was inspected, or if it cannot be
    /// written: then it is unchanged. [`Error::Unsure`] if even that is unknown.
    pub fn replace(&mut self, by: &Vault) -> Result<(), Error> {
        let mut vault = match self.vault.take() {
            Some(vault) => vault,
            None => self.make()?,
        };
        match self.write(by.store.sqlite()?, vault.store.sqlite_mut()?) {
            Err(error) => self.resolve_commit(&vault, by.head()?, error),
            outcome => outcome,
        }
    }

    fn make(&self) -> Result<Vault, Error> {
        location::make_folder(&self.path)?;
        let path = location::resolve(&self.path)?;
        location::exists(&path)?;
        Vault::connect(path, self.wait, OpenFlags::SQLITE_OPEN_CREATE)
    }

    fn write(&self, from: &Connection, to: &mut Connection) -> Result<(), Error> {
        let backup = Backup::new(from, to)?;
        // With no pages, this only takes the lock, so that nobody changes what was inspected.
        match backup.step(0)? {
            StepResult::Busy | StepResult::Locked => return Err(Error::Busy),
            _ => self.expect_unchanged()?,
        }
        match backup.step(-1)? {
            StepResult::Done => Ok(()),
            _ => Err(Error::Busy),
        }
    }

    fn expect_unchanged(&self) -> Result<(), Error> {
        let Some(VaultState { watch, counter }) = &self.seen else {
            let is_empty = location::is_empty(&self.path);
            return is_empty.then_some(()).ok_or(Error::VaultChanged);
        };
        let seen = counter.as_ref().map_err(|_| Error::Wal)?;
        let is_same = watch.changed_at().is_some() && watch.counter()? == *seen;
        is_same.then_some(()).ok_or(Error::VaultChanged)
    }

    /// After a failure: finds out whether the backup is in place nevertheless, by the entry of its
    /// restore.
    fn resolve_commit(&self, vault: &Vault, head: Option<Head>, error: Error) -> Result<(), Error> {
        if matches!(error, Error::Busy | Error::VaultChanged | Error::Wal) {
            return Err(error);
        }
        let again = Self::open(&vault.path, self.wait);
        match again.map(|again| again.vault) {
            Ok(None) => Err(error),
            Ok(Some(again)) => match log::has(&again.store, head) {
                Ok(true) if sync_folder(&again.path).is_ok() => Ok(()),
                Ok(false) => Err(error),
                Ok(true) | Err(_) => Err(Error::Unsure(error.to_string())),
            },
            Err(_) => Err(Error::Unsure(error.to_string())),
        }
    }
}

/// What was found, if it can be read completely.
fn expect_readable(vault: &Vault, found: DatabaseKind) -> Result<DatabaseKind, Error> {
    if found == DatabaseKind::Vault {
        vault.check_integrity()?;
    }
    Ok(found)
}

/// An unused name for a copy.
fn free_path(vault: &Path, now: Timestamp) -> Result<PathBuf, Error> {
    let time = now.strftime("%Y%m%dT%H%M%SZ");
    let first = with_end(vault, &format!(".before-restore-{time}"));
    let others = (2..MAX_COPIES).map(|count| with_end(&first, &format!("-{count}")));
    let mut paths = [first.clone()].into_iter().chain(others);
    let is_free = |path: &PathBuf| fs::symlink_metadata(path).is_err();
    paths.find(is_free).ok_or(Error::InTheWay(first))
}
