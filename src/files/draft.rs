//! Files that are written completely before they appear at their path.

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

/// Others may read or write.
const OTHERS_READ_WRITE: u32 = 0o006;

/// How many bytes identify the kind of a file.
const PREFIX_LENGTH: u64 = 4096;

/// What to do about an existing file.
#[derive(Clone, Copy, Debug)]
pub enum IfExists {
    /// Keep it, and write nothing.
    Keep,
    /// Replace it, keeping its owner, group and mode, if it is empty or its first bytes satisfy the
    /// predicate.
    ReplaceIf(fn(&[u8]) -> bool),
    /// Replace it in the same way; the caller has checked its contents.
    Replace,
}

/// A temporary file beside its path; removed on drop unless [`Draft::publish`] renames it.
#[derive(Debug)]
pub struct Draft {
    file: File,
    location: Arc<Location>,
    /// Its temporary name; `None` once it has been renamed.
    name: Option<OsString>,
    existing: IfExists,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // If it cannot be removed, `doctor` finds it beside the vault.
            let _ = self.location.remove(name);
        }
    }
}

impl Draft {
    /// Creates a file, with mode 0600 unless it replaces another.
    ///
    /// # Errors
    /// If the existing file must not be replaced, or its folder is not writable.
    pub fn begin(path: &Path, what: FileRole, existing: IfExists) -> Result<Self, Error> {
        Self::at(Arc::new(Location::open(path, what)?), existing)
    }

    /// Creates a file in an open folder.
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

    /// Its path until it is published.
    pub fn path(&self) -> PathBuf {
        let name = self.name.as_deref().unwrap_or_default();
        self.location.beside(name)
    }

    /// The first bytes of the file that it replaces; empty if there is none.
    pub fn replaced(&self) -> Result<Vec<u8>, Error> {
        match beginning(&self.location) {
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            start => start.map_err(|source| failed(self.location.path(), source)),
        }
    }

    /// Appends to it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| failed(self.location.path(), source))
    }

    /// Locks it before it is published, until the returned file is closed: processes that lock the
    /// path afterwards wait.
    pub(super) fn lock(&self) -> Result<File, Error> {
        let lock = || {
            let file = self.file.try_clone()?;
            file.lock().map(|()| file)
        };
        lock().map_err(|source| failed(self.location.path(), source))
    }

    /// Renames it to its path, durably.
    ///
    /// # Errors
    /// If that fails. [`Error::Refused`] if another file was created there meanwhile and must stay;
    /// [`Error::Unsynced`] if it was renamed, but may not survive a power failure.
    pub fn publish(mut self) -> Result<(), Error> {
        self.put()?;
        self.location.sync_once(&mut Synced::default())
    }

    /// Renames it to its path; the caller must sync the folder to make that durable, once for many
    /// files.
    ///
    /// # Errors
    /// Like [`Draft::publish`].
    pub fn publish_unsynced(mut self) -> Result<(), Error> {
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
            // Another process may have created one.
            Err(source) => Err(match inspect(&self.location, self.existing) {
                Err(refused) if source.kind() == ErrorKind::AlreadyExists => refused,
                _ => failed(self.location.path(), source),
            }),
        }
    }

    /// Replaces another file; makes that durable if possible.
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

/// The metadata of the existing file, if any; refuses one that must not be replaced.
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
        Some(("is a folder", "give the name of a file in that folder"))
    } else if !found.is_file() {
        Some(("is not a regular file", "name another one"))
    } else if matches!(existing, IfExists::Keep) {
        Some(("already exists", "name another file, or move that one away"))
    } else if found.nlink() > 1 {
        Some(("has more than one hard link", "remove the other hard links"))
    } else {
        None
    }
}

/// Refuses a file of a different kind.
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

/// Refuses a file that others can read or write, or may have planted.
fn refuse_exposed(found: &Metadata, location: &Location) -> io::Result<Option<DraftRefusal>> {
    if found.mode() & OTHERS_READ_WRITE != 0 {
        return Ok(Some((
            "is accessible to every user",
            "`chmod o= {path}` first",
        )));
    }
    Ok(refuse_foreign(found, location)?.or_else(|| refuse_with_acl(location)))
}

/// Refuses a file whose access control list the new file would lose, or inherit differently.
fn refuse_with_acl(location: &Location) -> Option<DraftRefusal> {
    location.has_list().then_some((
        "has an access control list",
        "remove it with `setfacl -b {path}`, then set the mode",
    ))
}

/// Refuses another user's file, except for root, who keeps its owner, and only if nobody else could
/// have planted it.
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

/// Copies owner, group and mode of the replaced file.
fn copy_ownership(file: &File, replaced: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (replaced.uid(), replaced.gid()) {
        fchown(file, Some(replaced.uid()), Some(replaced.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(replaced.mode() & 0o7777))
}

/// Makes a new file at least a second newer than the replaced one. Programs that detect changes by
/// time and size, such as Dovecot, would miss a second change within a second.
fn date_after(file: &File, replaced: &Metadata) -> io::Result<()> {
    let second = |found: &Metadata| Duration::from_secs(found.mtime().try_into().unwrap_or(0));
    let next = second(replaced).saturating_add(Duration::from_secs(1));
    if second(&file.metadata()?) < next {
        // The replaced file may have the last representable time.
        let next = SystemTime::UNIX_EPOCH.checked_add(next);
        next.map_or(Ok(()), |next| file.set_modified(next))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
