//! Files that several processes may change at once: read, changed and replaced under a lock.
//!
//! The lock is on the file that is replaced, so that no lock file is left behind. A process that
//! waited for it finds a different file at the path, and starts over with that one.

use std::fs::{File, Metadata, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::draft::inspect;
use super::location::{Location, Synced};
use super::{Draft, Error, FileId, FileRole, IfExists, failed};

/// The maximum size, in bytes: far more than any configuration file.
const MAX_SIZE: u64 = 1 << 20;

/// How long to wait for other processes.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait between attempts.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// The contents of a file; `None` if it does not exist.
pub type Contents = Option<Zeroizing<Vec<u8>>>;

/// A change of a file, which can be undone; other processes cannot change the file this way until
/// it is dropped.
pub struct Changed {
    location: Arc<Location>,
    /// The new file, locked.
    file: File,
    before: Contents,
    after: Zeroizing<Vec<u8>>,
}

impl Changed {
    /// Makes the change durable; undoes it if that fails or the path leads elsewhere. For many
    /// changes, all are made first, so that each folder is synced only once.
    pub fn sync(self, synced: &mut Synced) -> Result<Self, Error> {
        match self.location.sync_once(synced) {
            Ok(()) => Ok(self),
            Err(error) => Err(self.undo_after(error)),
        }
    }

    /// Undoes a change that failed; returns its error.
    fn undo_after(self, error: Error) -> Error {
        let undone_at = match self.is_in_place() {
            true => self.undo(),
            false => Ok(()),
        };
        match undone_at {
            Ok(()) => error.or_not_written(),
            Err(other) => other,
        }
    }

    /// Restores the file's previous contents.
    ///
    /// # Errors
    /// If that fails, or if somebody changed the file nevertheless; it is not changed then.
    pub fn undo(self) -> Result<(), Error> {
        if self.is_in_place() && self.is_unchanged() && self.publish_restored().is_ok() {
            return Ok(());
        }
        Err(Error::Refused {
            path: self.location.path().to_owned(),
            why: "could not be restored",
            hint: "check its contents: the secret that was written to it is not valid",
        })
    }

    fn publish_restored(&self) -> Result<(), Error> {
        let Some(before) = &self.before else {
            let cleared = self.location.clear();
            cleared.map_err(|source| failed(self.location.path(), source))?;
            let _ = self.location.sync();
            return Ok(());
        };
        let mut draft = Draft::at(self.location.clone(), IfExists::Replace)?;
        draft.write(before)?;
        draft.publish_restored()
    }

    /// The previous contents; `None` if the file did not exist.
    pub fn before(&self) -> Option<&[u8]> {
        self.before.as_ref().map(|text| &text[..])
    }

    /// The new contents.
    pub fn after(&self) -> &[u8] {
        &self.after
    }

    fn is_in_place(&self) -> bool {
        let now = self.file.metadata();
        now.is_ok_and(|now| self.location.id() == Some(FileId::of(&now)))
    }

    fn is_unchanged(&self) -> bool {
        let mut text = Zeroizing::new(Vec::with_capacity(self.after.len() + 2));
        let read = self.location.read().and_then(|file| {
            let most = self.after.len() as u64 + 1;
            file.take(most).read_to_end(&mut text)
        });
        read.is_ok() && text == self.after
    }
}

/// Changes a file, or creates it with mode 0600: `change` returns its new contents, given the
/// current ones, if any. The change is durable once it is synced.
///
/// # Errors
/// The errors of `change`, or if the file cannot be written; it is unchanged then.
pub fn change<E: From<Error>>(
    path: &Path,
    change: impl Fn(&[u8]) -> Result<Zeroizing<Vec<u8>>, E>,
) -> Result<Changed, E> {
    edit_locked(path, change, Current::replace)
}

/// Locks a file, and replaces it with the result of `change`; starts over if another process has
/// just created it.
fn edit_locked<T, E: From<Error>>(
    path: &Path,
    change: impl Fn(&[u8]) -> Result<Zeroizing<Vec<u8>>, E>,
    act: impl Fn(Current, Zeroizing<Vec<u8>>) -> Result<T, Error>,
) -> Result<T, E> {
    let end = Instant::now() + LOCK_TIMEOUT;
    loop {
        let current = Current::lock(path)?;
        let (is_new, location) = (current.file.is_none(), current.location.clone());
        let after = change(current.contents())?;
        let error = match act(current, after) {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let is_late = is_new && location.id().is_some();
        if !is_late || Instant::now() > end {
            return Err(error.into());
        }
    }
}

/// The contents of a file that can be changed this way; `None` if it does not exist.
pub fn read(path: &Path) -> Result<Contents, Error> {
    Current::lock(path).map(|current| current.text)
}

/// Checks in advance, as far as possible, that a file can be changed this way.
pub fn expect_changeable<E: From<Error>>(
    path: &Path,
    change: impl Fn(&[u8]) -> Result<Zeroizing<Vec<u8>>, E>,
) -> Result<(), E> {
    edit_locked(path, change, |current, after| {
        Draft::at(current.location.clone(), current.existing())?.write(&after)
    })
}

/// The current file, locked against changes by other processes.
struct Current {
    location: Arc<Location>,
    file: Option<File>,
    text: Contents,
}

impl Current {
    /// Locks the file, waiting for other processes.
    fn lock(path: &Path) -> Result<Self, Error> {
        let end = Instant::now() + LOCK_TIMEOUT;
        let location = Arc::new(Location::open(path, FileRole::Secret)?);
        loop {
            let Some(found) = inspect(&location, IfExists::Replace)? else {
                return Ok(Self {
                    location,
                    file: None,
                    text: None,
                });
            };
            let held = location.read().and_then(|file| match file.try_lock() {
                Ok(()) => Ok(is_same(&found, &file, &location).then_some(file)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(source)) => Err(source),
            });
            match held {
                Ok(Some(file)) => return Self::read(file, location),
                Ok(None) => {}
                Err(source) if source.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(failed(path, source)),
            }
            if Instant::now() > end {
                return Err(Error::Refused {
                    path: path.to_owned(),
                    why: "is locked by another process",
                    hint: "try again when that process is done",
                });
            }
            thread::sleep(RETRY_INTERVAL);
        }
    }

    fn read(file: File, location: Arc<Location>) -> Result<Self, Error> {
        let path = location.path();
        let length = file.metadata().map_or(0, |found| found.len());
        // Large enough not to grow, which would leave copies behind.
        let room = usize::try_from(length.min(MAX_SIZE)).unwrap_or_default() + 2;
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        (&file)
            .take(MAX_SIZE + 1)
            .read_to_end(&mut text)
            .map_err(|source| failed(path, source))?;
        if text.len() as u64 > MAX_SIZE {
            return Err(Error::Refused {
                path: path.to_owned(),
                why: "is longer than 1 MiB",
                hint: "name another file",
            });
        }
        Ok(Self {
            location,
            file: Some(file),
            text: Some(text),
        })
    }

    fn existing(&self) -> IfExists {
        match self.file {
            Some(_) => IfExists::Replace,
            None => IfExists::Keep,
        }
    }

    fn contents(&self) -> &[u8] {
        self.text.as_ref().map_or(&[], |text| text)
    }

    /// Replaces it with another file; undoes that if a later step fails.
    fn replace(self, after: Zeroizing<Vec<u8>>) -> Result<Changed, Error> {
        let mut draft = Draft::at(self.location.clone(), self.existing())?;
        draft.write(&after)?;
        let changed = Changed {
            location: self.location,
            file: draft.lock()?,
            before: self.text,
            after,
        };
        match draft.publish_unsynced() {
            Ok(()) => Ok(changed),
            Err(error) => Err(changed.undo_after(error)),
        }
    }
}

/// Whether the file that was checked is the one that was opened, and is still at its path.
fn is_same(found: &Metadata, file: &File, location: &Location) -> bool {
    let id = FileId::of(found);
    let opened = file
        .metadata()
        .is_ok_and(|opened| FileId::of(&opened) == id);
    opened && location.id() == Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    fn append(path: &Path, line: &str) -> Result<Changed, Error> {
        let changed = change(path, |text| {
            Ok::<_, Error>(Zeroizing::new([text, line.as_bytes()].concat()))
        });
        changed?.sync(&mut Synced::default())
    }

    #[test]
    fn concurrent_changes_are_all_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        thread::scope(|scope| {
            for number in 0..16 {
                let path = &path;
                scope.spawn(move || append(path, &format!("{number}\n")).expect("changed"));
            }
        });
        let text = fs::read_to_string(&path).expect("the file");
        let mut lines: Vec<u8> = text
            .lines()
            .map(|line| line.parse().expect("ours"))
            .collect();
        lines.sort_unstable();
        assert_eq!(lines, (0..16).collect::<Vec<_>>());
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }

    #[test]
    fn a_change_is_undone_unless_another_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        append(&path, "new").expect("made").undo().expect("back");
        assert!(!path.exists());
        fs::write(&path, "old ").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("changed");
        append(&path, "new").expect("changed").undo().expect("back");
        assert_eq!(fs::read(&path).expect("the file"), b"old ");
        let first = append(&path, "first ").expect("changed");
        fs::write(&path, "another's").expect("written by what takes no lock");
        first.undo().expect_err("it was changed since");
        assert_eq!(fs::read(&path).expect("the file"), b"another's");
        let mode = fs::metadata(&path).expect("the file").mode();
        assert_eq!(mode & 0o7777, 0o640);
    }

    #[test]
    fn an_undoable_change_blocks_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        for before in ["", "old "] {
            let first = append(&path, "first").expect("changed");
            thread::scope(|scope| {
                let second = scope.spawn(|| append(&path, "second").map(drop));
                thread::sleep(Duration::from_millis(100));
                first.undo().expect("back");
                second.join().expect("no panic").expect("changed");
            });
            let text = fs::read_to_string(&path).expect("the file");
            assert_eq!(text, format!("{before}second"));
            fs::write(&path, "old ").expect("written");
        }
    }

    #[test]
    fn a_file_that_is_too_long_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let file = File::create(&path).expect("made");
        file.set_permissions(Permissions::from_mode(0o600))
            .expect("changed");
        file.set_len(MAX_SIZE).expect("grown");
        assert!(expect_changeable::<Error>(&path, |_| Ok(Zeroizing::default())).is_ok());
        file.set_len(MAX_SIZE + 1).expect("grown");
        assert!(expect_changeable::<Error>(&path, |_| Ok(Zeroizing::default())).is_err());
    }
}
