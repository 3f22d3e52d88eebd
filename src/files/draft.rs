//! A file that is written whole, and then put in its place.

use std::ffi::OsString;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix::unistd::geteuid;

use super::location::{Location, Synced};
use super::walk::{is_shared, is_trusted_user};
use super::{Error, FileRole, acl, failed};

/// Everybody may read or write.
const OTHERS_READ_WRITE: u32 = 0o006;

/// How much of a file tells what it is, in bytes.
const PREFIX_LENGTH: u64 = 4096;

/// What to do about a file that already exists.
#[derive(Clone, Copy, Debug)]
pub enum IfExists {
    /// It stays, and nothing is written.
    Keep,
    /// It is replaced, and its owner, group and mode stay, if what it begins with shows that it
    /// is of the same kind, or if it is empty.
    ReplaceIf(fn(&[u8]) -> bool),
    /// It is replaced in the same way; whoever wants this has looked at what it holds.
    Replace,
}

/// A file beside the place where it is to be; gone unless [`Draft::publish`] puts it there.
#[derive(Debug)]
pub struct Draft {
    file: File,
    location: Arc<Location>,
    /// The name that it has until then; `None` once it is in its place.
    name: Option<OsString>,
    existing: IfExists,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // What cannot be removed is named by `doctor`, if it lies beside the vault.
            let _ = self.location.remove(name);
        }
    }
}

impl Draft {
    /// Begins a file, 0600 unless it replaces one.
    ///
    /// # Errors
    /// If what is at the path must not be replaced, or nothing can be written beside it.
    pub fn begin(path: &Path, what: FileRole, existing: IfExists) -> Result<Self, Error> {
        Self::at(Arc::new(Location::open(path, what)?), existing)
    }

    /// Begins a file in a folder that is open.
    pub(super) fn at(location: Arc<Location>, existing: IfExists) -> Result<Self, Error> {
        let replaced = inspect(&location, existing)?;
        let (name, file) = location
            .begin()
            .map_err(|error| failed(location.path(), error))?;
        let draft = Self {
            file,
            location,
            name: Some(name),
            existing,
        };
        let prepare = || {
            acl::remove_list(&draft.file)?;
            replaced.map_or(Ok(()), |replaced| copy_ownership(&draft.file, &replaced))
        };
        prepare().map_err(|error| failed(draft.location.path(), error))?;
        Ok(draft)
    }

    /// Where it lies until it is published.
    pub fn path(&self) -> PathBuf {
        let name = self.name.as_deref().unwrap_or_default();
        self.location.beside(name)
    }

    /// What the file begins with that it is to replace; nothing if there is none.
    pub fn replaced(&self) -> Result<Vec<u8>, Error> {
        match beginning(&self.location) {
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            start => start.map_err(|source| failed(self.location.path(), source)),
        }
    }

    /// Adds to what it holds.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| failed(self.location.path(), source))
    }

    /// Locks it for the processes that would lock the file once it is in its place, until what is
    /// given back is closed.
    pub(super) fn lock(&self) -> Result<File, Error> {
        let lock = || {
            let file = self.file.try_clone()?;
            file.lock().map(|()| file)
        };
        lock().map_err(|source| failed(self.location.path(), source))
    }

    /// Puts it in its place, whole and safe from a power cut.
    ///
    /// # Errors
    /// If that fails. [`Error::Refused`] if another file was put there meanwhile and must stay;
    /// [`Error::Unsynced`] if it is there, but perhaps not safe from a power cut.
    pub fn publish(mut self) -> Result<(), Error> {
        self.put()?;
        self.location.settle(&mut Synced::default())
    }

    /// Puts it in its place, whole; that it is there survives a power cut only once the folder
    /// is synced, which may wait until all the others are there, too.
    ///
    /// # Errors
    /// As for [`Draft::publish`].
    pub fn publish_among_many(mut self) -> Result<(), Error> {
        self.put()
    }

    fn put(&mut self) -> Result<(), Error> {
        self.location.expect_same_folder()?;
        let replaced = inspect(&self.location, self.existing)?;
        let Some(name) = &self.name else {
            return Ok(());
        };
        let put = || {
            if let Some(replaced) = replaced {
                date_after(&self.file, &replaced)?;
            }
            self.file.sync_all()?;
            match self.existing {
                IfExists::Keep => self.location.rename_new(name),
                IfExists::ReplaceIf(_) | IfExists::Replace => self.location.rename_over(name),
            }
        };
        match put() {
            Ok(()) => {
                self.name = None;
                Ok(())
            }
            // Another may have been faster to put one there.
            Err(source) => Err(match inspect(&self.location, self.existing) {
                Err(refused) if source.kind() == ErrorKind::AlreadyExists => refused,
                _ => failed(self.location.path(), source),
            }),
        }
    }

    /// Puts it in the place of another, and makes that survive a power cut if the disk can do so.
    pub(super) fn publish_restored(mut self) -> Result<(), Error> {
        let _ = self.file.sync_all();
        let Some(name) = self.name.take() else {
            return Ok(());
        };
        if let Err(error) = self.location.rename_over(&name) {
            self.name = Some(name);
            return Err(failed(self.location.path(), error));
        }
        let _ = self.location.sync();
        Ok(())
    }
}

/// What is there now, if there is something; it must be a file that may be replaced.
pub(super) fn inspect(location: &Location, existing: IfExists) -> Result<Option<Metadata>, Error> {
    let failed = |source| failed(location.path(), source);
    let Some(found) = location.metadata().map_err(failed)? else {
        return Ok(None);
    };
    let refusal = match refusal(&found, existing) {
        Some(refusal) => Some(refusal),
        None => refuse_other_kind(location, existing)
            .and_then(|refuse_other_kind| match refuse_other_kind {
                Some(refuse_other_kind) => Ok(Some(refuse_other_kind)),
                None => refuse_exposed(&found, location),
            })
            .map_err(failed)?,
    };
    match refusal {
        None => Ok(Some(found)),
        Some((why, hint)) => Err(Error::Refused {
            path: location.path().to_owned(),
            why,
            hint,
        }),
    }
}

/// Why a file must not be replaced, and the hint.
type DraftRefusal = (&'static str, &'static str);

fn refusal(found: &Metadata, existing: IfExists) -> Option<DraftRefusal> {
    if found.is_symlink() {
        Some(("is a symbolic link", "name the file itself"))
    } else if found.is_dir() {
        Some(("is a folder", "name a file in it"))
    } else if !found.is_file() {
        Some(("is not a regular file", "name another one"))
    } else if matches!(existing, IfExists::Keep) {
        Some(("already exists", "name another file, or move that one away"))
    } else if found.nlink() > 1 {
        Some(("has more than one hard link", "remove the other link"))
    } else {
        None
    }
}

/// A file that is not of the kind that is to be written.
fn refuse_other_kind(location: &Location, existing: IfExists) -> io::Result<Option<DraftRefusal>> {
    let IfExists::ReplaceIf(is_alike) = existing else {
        return Ok(None);
    };
    let start = beginning(location)?;
    let is_replaceable = start.is_empty() || is_alike(&start);
    Ok((!is_replaceable).then_some((
        "has other contents, which would be lost",
        "name another file, or move that one away",
    )))
}

fn beginning(location: &Location) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    location
        .read()?
        .take(PREFIX_LENGTH)
        .read_to_end(&mut start)?;
    Ok(start)
}

/// A file that others can read, write, or may have put there.
fn refuse_exposed(found: &Metadata, location: &Location) -> io::Result<Option<DraftRefusal>> {
    if found.mode() & OTHERS_READ_WRITE != 0 {
        return Ok(Some((
            "is accessible to every user",
            "`chmod o= {path}` first",
        )));
    }
    Ok(refuse_foreign(found, location)?.or_else(|| refuse_with_acl(location)))
}

/// A file with rights that a new one in its place would not have, or have for others.
fn refuse_with_acl(location: &Location) -> Option<DraftRefusal> {
    location.has_list().then_some((
        "has an access control list",
        "remove it with `setfacl -b {path}`, then set the mode",
    ))
}

/// A file of another user's, which stays that user's: only root can write it so, and nobody else
/// may have been able to put it there in root's way.
fn refuse_foreign(found: &Metadata, location: &Location) -> io::Result<Option<DraftRefusal>> {
    if found.uid() == geteuid().as_raw() {
        return Ok(None);
    }
    let folder = location.folder()?;
    if is_shared(&folder, location.handle(), &location.beside("".as_ref())) {
        return Ok(Some((
            "belongs to another user, in a world-writable folder",
            "name a file in another folder",
        )));
    }
    let is_third =
        !is_trusted_user(folder.uid()) && found.uid() != folder.uid() && found.uid() != 0;
    Ok(match geteuid().is_root() && !is_third {
        true => None,
        false => Some(("belongs to another user", "name a file of your own")),
    })
}

/// Gives a new file the owner, group and mode of the one that it replaces.
fn copy_ownership(file: &File, replaced: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (replaced.uid(), replaced.gid()) {
        fchown(file, Some(replaced.uid()), Some(replaced.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(replaced.mode() & 0o7777))
}

/// Gives a new file a later date than the one that it replaces, in whole seconds. Who looks
/// for changes by that and the size, as Dovecot does, would miss the second one of a second.
fn date_after(file: &File, replaced: &Metadata) -> io::Result<()> {
    let second = |found: &Metadata| Duration::from_secs(found.mtime().try_into().unwrap_or(0));
    let next = second(replaced).saturating_add(Duration::from_secs(1));
    if second(&file.metadata()?) < next {
        // There is none after the last one that a file can have.
        let next = SystemTime::UNIX_EPOCH.checked_add(next);
        next.map_or(Ok(()), |next| file.set_modified(next))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
