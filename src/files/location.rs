//! A file's location: a name in an open folder. All operations use the open folder, even if its
//! path is replaced or becomes a link meanwhile.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rand::TryRng;
use rand::rngs::SysRng;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, openat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;

use super::walk::{FinalLink, FolderWalk};
use super::{DRAFT_PREFIX, Error, FileId, FileRole, acl, failed, guard};

/// Only the owner may read and write.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// How many temporary names are tried.
const MAX_TRIES: usize = 16;

/// The location of a file, which need not exist.
#[derive(Debug)]
pub(super) struct Location {
    /// The path as given, for messages.
    path: PathBuf,
    /// The real path of the folder, as long as it is not moved.
    real: PathBuf,
    name: OsString,
    folder: File,
}

/// Folders that were synced after the last rename into them.
#[derive(Debug, Default)]
pub struct Synced(Vec<FileId>);

/// Checks, without opening an existing file, that a path may be written.
///
/// # Errors
/// If the folder does not exist, others can change its contents, or a protected file would be
/// overwritten.
pub fn expect_writable(path: &Path, what: FileRole) -> Result<(), Error> {
    Location::open(path, what).map(drop)
}

/// Whether a path ends in `/`, like a folder's.
pub fn is_of_folder(path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    path.ends_with(b"/") || path.ends_with(b"/.")
}

impl Location {
    /// Opens the folder of a file to be written.
    ///
    /// # Errors
    /// If the folder does not exist, others can change its contents, or a protected file would be
    /// overwritten.
    pub(super) fn open(path: &Path, what: FileRole) -> Result<Self, Error> {
        if is_of_folder(path) {
            return Err(folder_error(path, ErrorKind::IsADirectory.into()));
        }
        let walk =
            FolderWalk::to(path, FinalLink::Stay).map_err(|error| folder_error(path, error))?;
        walk.expect_trusted_owner()
            .map_err(|other| what.refusal(&other))?;
        guard::expect_writable(path, &walk, what)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(&walk.folder, ".", flags, Mode::empty());
        Ok(Self {
            path: path.to_owned(),
            folder: folder.map_err(|error| failed(path, error.into()))?.into(),
            real: walk.real,
            name: walk.name,
        })
    }

    /// The path as given.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's metadata.
    pub(super) fn folder(&self) -> io::Result<Metadata> {
        self.folder.metadata()
    }

    /// The folder's descriptor.
    pub(super) fn handle(&self) -> &File {
        &self.folder
    }

    /// The path of another file in the folder.
    pub(super) fn beside(&self, name: &OsStr) -> PathBuf {
        self.real.join(name)
    }

    /// The file's metadata, without following links; `None` if it does not exist.
    pub(super) fn metadata(&self) -> io::Result<Option<Metadata>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.folder, &self.name, flags, Mode::empty()) {
            Ok(found) => File::from(found).metadata().map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The identity of the current file.
    pub(super) fn id(&self) -> Option<FileId> {
        self.metadata().ok().flatten().as_ref().map(FileId::of)
    }

    /// Whether the file has an access control list.
    pub(super) fn has_list(&self) -> bool {
        acl::has_list_at(&self.folder, &self.name, &self.path)
    }

    /// Opens the file without following a link or waiting for a FIFO's writer; writable if
    /// possible, since NFS requires that for locks.
    pub(super) fn read(&self) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let open = |mode| openat(&self.folder, &self.name, flags | mode, Mode::empty());
        let opened = match open(OFlags::RDWR) {
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => open(OFlags::RDONLY),
            opened => opened,
        };
        Ok(opened?.into())
    }

    /// Opens the file for appending, with the same precautions.
    pub(super) fn append(&self) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let flags = flags | OFlags::RDWR | OFlags::APPEND;
        Ok(openat(&self.folder, &self.name, flags, Mode::empty())?.into())
    }

    /// Creates a new file in the folder with mode 0600 and an unused name.
    pub(super) fn begin(&self) -> io::Result<(OsString, File)> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        for _ in 0..MAX_TRIES {
            let number = SysRng.try_next_u64().map_err(io::Error::other)?;
            let name = OsString::from(format!("{DRAFT_PREFIX}{number:016x}"));
            match openat(&self.folder, &name, flags | OFlags::CLOEXEC, PRIVATE) {
                Ok(file) => return Ok((name, file.into())),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Renames another file in the folder to this one, replacing it.
    pub(super) fn rename_over(&self, other: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.folder, other, &self.folder, &self.name)?)
    }

    /// The same, if this one does not exist.
    pub(super) fn rename_new(&self, other: &OsStr) -> io::Result<()> {
        let (folder, name) = (&self.folder, &self.name);
        match renameat_with(folder, other, folder, name, RenameFlags::NOREPLACE) {
            // Not supported by every file system.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(folder, other, folder, name, AtFlags::empty())?;
                self.remove(other)
            }
            done => Ok(done?),
        }
    }

    /// Removes the file.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.remove(&self.name)
    }

    /// Removes another file in the folder.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.folder, name, AtFlags::empty())?)
    }

    /// Makes the last change in the folder durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.folder.sync_all()
    }

    /// The same after a rename, unless the folder has been synced since.
    ///
    /// # Errors
    /// If the path no longer leads to the folder; [`Error::Unsynced`] if the file may not survive a
    /// power failure.
    pub(super) fn sync_once(&self, synced: &mut Synced) -> Result<(), Error> {
        let done = match self.folder().map(|folder| FileId::of(&folder)) {
            Ok(folder) if synced.0.contains(&folder) => Ok(()),
            Ok(folder) => self.sync().map(|()| synced.0.push(folder)),
            Err(error) => Err(error),
        };
        self.expect_same_folder()?;
        done.map_err(|source| Error::Unsynced {
            path: self.path.clone(),
            source,
        })
    }

    /// Makes sure that the path still leads to the folder.
    ///
    /// # Errors
    /// If not: changes in the folder would not be visible at the path.
    pub(super) fn expect_same_folder(&self) -> Result<(), Error> {
        let held = self.folder.metadata();
        let walk =
            FolderWalk::to(&self.path, FinalLink::Stay).and_then(|walk| walk.folder.metadata());
        let is_same = held
            .and_then(|held| Ok(FileId::of(&held) == FileId::of(&walk?)))
            .unwrap_or_default();
        match is_same {
            true => Ok(()),
            false => Err(Error::Refused {
                path: self.path.clone(),
                why: "is in a folder that has been moved or replaced",
                hint: "find out who replaced the folder, then try again",
            }),
        }
    }
}

fn folder_error(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        ErrorKind::NotFound => Error::NoFolder(path.to_owned()),
        ErrorKind::IsADirectory => Error::Refused {
            path: path.to_owned(),
            why: "is a folder",
            hint: "give the name of a file in that folder",
        },
        _ => failed(path, source),
    }
}
