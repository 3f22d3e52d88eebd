//! A file's place: its name in a folder that is held open. Whatever is done there is done in that
//! folder, even if somebody puts another one, or a link, at its path meanwhile.

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

/// How many names are tried for a file that has none yet.
const MAX_TRIES: usize = 16;

/// Where a file is or is to be.
#[derive(Debug)]
pub(super) struct Location {
    /// As it was named, for people.
    path: PathBuf,
    /// Where the folder really is, as far as the path is true.
    real: PathBuf,
    name: OsString,
    folder: File,
}

/// Folders that were synced after the last file was put into any of them.
#[derive(Debug, Default)]
pub struct Synced(Vec<FileId>);

/// Makes sure that a file may be written at a path, as far as that can be told without opening
/// what is there.
///
/// # Errors
/// If there is no such folder, others have a say in what is in it, or what is to be kept would be
/// overwritten.
pub fn expect_writable(path: &Path, what: FileRole) -> Result<(), Error> {
    Location::open(path, what).map(drop)
}

/// Whether a path says that it is a folder's: a file's has no `/` at its end.
pub fn is_of_folder(path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    path.ends_with(b"/") || path.ends_with(b"/.")
}

impl Location {
    /// Opens the folder of a file that may be written there.
    ///
    /// # Errors
    /// If there is no such folder, others have a say in what is in it, or what is to be kept
    /// would be overwritten.
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

    /// The path as it was named.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder itself.
    pub(super) fn folder(&self) -> io::Result<Metadata> {
        self.folder.metadata()
    }

    /// The folder's descriptor.
    pub(super) fn handle(&self) -> &File {
        &self.folder
    }

    /// Where a file of this name in the folder is.
    pub(super) fn beside(&self, name: &OsStr) -> PathBuf {
        self.real.join(name)
    }

    /// What is there now, links not followed; `None` if there is nothing.
    pub(super) fn metadata(&self) -> io::Result<Option<Metadata>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.folder, &self.name, flags, Mode::empty()) {
            Ok(found) => File::from(found).metadata().map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Which file is there now.
    pub(super) fn id(&self) -> Option<FileId> {
        self.metadata().ok().flatten().as_ref().map(FileId::of)
    }

    /// Whether what is there has an access control list.
    pub(super) fn has_list(&self) -> bool {
        acl::has_list_at(&self.folder, &self.name, &self.path)
    }

    /// Opens what is there, but neither through a link nor to wait for a FIFO's writer; for
    /// writing if it may be, since on NFS only that can be locked.
    pub(super) fn read(&self) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let open = |mode| openat(&self.folder, &self.name, flags | mode, Mode::empty());
        let opened = match open(OFlags::RDWR) {
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => open(OFlags::RDONLY),
            opened => opened,
        };
        Ok(opened?.into())
    }

    /// Opens what is there to add to it, with the same care.
    pub(super) fn append(&self) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let flags = flags | OFlags::RDWR | OFlags::APPEND;
        Ok(openat(&self.folder, &self.name, flags, Mode::empty())?.into())
    }

    /// Makes a new file in the folder, 0600, under a name of no other.
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

    /// Gives what is in the folder under another name this one, in the place of what has it.
    pub(super) fn rename_over(&self, other: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.folder, other, &self.folder, &self.name)?)
    }

    /// The same, if nothing has this name.
    pub(super) fn rename_new(&self, other: &OsStr) -> io::Result<()> {
        let (folder, name) = (&self.folder, &self.name);
        match renameat_with(folder, other, folder, name, RenameFlags::NOREPLACE) {
            // Not every file system can do so.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(folder, other, folder, name, AtFlags::empty())?;
                self.remove(other)
            }
            done => Ok(done?),
        }
    }

    /// Removes what is there.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.remove(&self.name)
    }

    /// Removes a file from the folder.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.folder, name, AtFlags::empty())?)
    }

    /// Makes what was last done in the folder survive a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.folder.sync_all()
    }

    /// The same, after a file was put in its place, unless its folder was synced since.
    ///
    /// # Errors
    /// If the path does not lead to the folder any more; [`Error::Unsynced`] if the file may not
    /// survive a power cut.
    pub(super) fn settle(&self, synced: &mut Synced) -> Result<(), Error> {
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
    /// If it does not: what is done in the folder is not seen there.
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
            hint: "name a file in it",
        },
        _ => failed(path, source),
    }
}
