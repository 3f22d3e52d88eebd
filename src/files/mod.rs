//! Files that are worth protecting: written whole or not at all, private from birth, never
//! through a link, and never opened wider than they were.

mod acl;
mod appended;
pub mod env;
mod folder;
mod id;
mod shared;
mod turn;
pub mod whole;

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::unistd::geteuid;
use tempfile::NamedTempFile;

pub use appended::{Appended, append, expect_appendable};
pub use folder::{expect_own_folder, make_folders, missing_folders};
pub use id::FileId;
pub use shared::Changed;
pub use turn::Turn;

/// Everybody may read or write.
const OPEN: u32 = 0o006;

/// Everybody may put files into a folder.
const SHARED: u32 = 0o002;

/// What the name of a file begins with that is not finished.
pub const UNFINISHED: &str = ".postkey-";

/// Why a file was not written; there is nothing new at its path then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is at the path must not be replaced.
    #[error("`{}` {why}", path.display())]
    Refused {
        /// The path.
        path: PathBuf,
        /// What is there.
        why: &'static str,
        /// The way out.
        mend: &'static str,
    },
    /// There is nothing to put the file at this path into.
    #[error("cannot write `{}`: there is no folder `{}`", .0.display(), folder_of(.0).display())]
    NoFolder(PathBuf),
    /// The system did not let it happen.
    #[error("cannot write `{}`: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// What to do about a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// It is replaced; its owner, group and mode stay.
    Replace,
}

/// A file beside the place where it is to be; gone unless [`Draft::publish`] puts it there.
#[derive(Debug)]
pub struct Draft {
    file: NamedTempFile,
    path: PathBuf,
    existing: Existing,
}

impl Draft {
    /// Begins a file, 0600 unless it replaces one.
    ///
    /// # Errors
    /// If what is at the path must not be replaced, or nothing can be written beside it.
    pub fn begin(path: &Path, existing: Existing) -> Result<Self, Error> {
        let replaced = look_at(path, existing)?;
        let begin = || {
            let file = tempfile::Builder::new()
                .prefix(UNFINISHED)
                .permissions(Permissions::from_mode(0o600))
                .tempfile_in(folder_of(path))?;
            acl::remove_list(file.as_file())?;
            if let Some(replaced) = replaced {
                resemble(file.as_file(), &replaced)?;
            }
            Ok(file)
        };
        Ok(Self {
            file: begin().map_err(|error| unbegun(path, plain(error)))?,
            path: path.to_owned(),
            existing,
        })
    }

    /// Where it lies until it is published.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Adds to what it holds.
    ///
    /// # Errors
    /// If the system does not take it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.as_file_mut().write_all(bytes);
        written.map_err(|source| failed(&self.path, source))
    }

    /// Locks it for the processes that would lock the file once it is in its place, until what is
    /// given back is closed.
    ///
    /// # Errors
    /// If the file system cannot do so.
    pub fn lock(&self) -> Result<File, Error> {
        let lock = || {
            let file = self.file.as_file().try_clone()?;
            file.lock().map(|()| file)
        };
        lock().map_err(|source| failed(&self.path, source))
    }

    /// Puts it in its place, whole and safe from a power cut.
    ///
    /// # Errors
    /// If that fails. [`Error::Refused`] if another file was put there meanwhile and must stay.
    pub fn publish(self) -> Result<(), Error> {
        let path = self.path.clone();
        // Opened now, for what fails later is in place already.
        let folder = File::open(folder_of(&path)).map_err(|source| failed(&path, source))?;
        self.publish_among_many()?;
        folder.sync_all().map_err(|source| failed(&path, source))
    }

    /// Puts it in its place, whole; that it is there survives a power cut only once the folder
    /// is synced, which may wait until all the others are there, too.
    ///
    /// # Errors
    /// As for [`Draft::publish`].
    pub fn publish_among_many(self) -> Result<(), Error> {
        let Self {
            file,
            path,
            existing,
        } = self;
        let replaced = look_at(&path, existing)?;
        let publish = || {
            if let Some(replaced) = replaced {
                date_after(file.as_file(), &replaced)?;
            }
            file.as_file().sync_all()?;
            match existing {
                Existing::Keep => file.persist_noclobber(&path)?,
                Existing::Replace => file.persist(&path)?,
            };
            Ok(())
        };
        // Another may have been faster to put one there.
        publish().map_err(|source: io::Error| match look_at(&path, existing) {
            Err(refused) if source.kind() == ErrorKind::AlreadyExists => refused,
            _ => failed(&path, source),
        })
    }

    /// Puts it in the place of another, and makes that survive a power cut if the disk can do so.
    ///
    /// # Errors
    /// If it is not in its place.
    fn put_back(self) -> Result<(), Error> {
        let Self { file, path, .. } = self;
        let _ = file.as_file().sync_all();
        let put = file.persist(&path).map(drop);
        put.map_err(|error| failed(&path, error.into()))?;
        let _ = sync_folder(&path);
        Ok(())
    }
}

/// What is at the path now, if there is something; it must be a file that may be replaced.
fn look_at(path: &Path, existing: Existing) -> Result<Option<Metadata>, Error> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(path, source)),
    };
    let fault = fault(&found, existing)
        .or_else(|| foreign(&found, path))
        .or_else(|| listed(path));
    match fault {
        None => Ok(Some(found)),
        Some((why, mend)) => Err(Error::Refused {
            path: path.to_owned(),
            why,
            mend,
        }),
    }
}

fn fault(found: &Metadata, existing: Existing) -> Option<(&'static str, &'static str)> {
    if found.is_symlink() {
        Some(("is a symbolic link", "name the file itself"))
    } else if found.is_dir() {
        Some(("is a folder", "name a file in it"))
    } else if !found.is_file() {
        Some(("is not a regular file", "name another one"))
    } else if existing == Existing::Keep {
        Some((
            "is there already",
            "name another file, or move that one away",
        ))
    } else if found.nlink() > 1 {
        Some(("has a second name (a hard link)", "remove the other name"))
    } else if found.mode() & OPEN != 0 {
        Some(("is open to every user", "`chmod o=` it first"))
    } else {
        None
    }
}

/// A file with rights that a new one in its place would not have, or have for others.
fn listed(path: &Path) -> Option<(&'static str, &'static str)> {
    acl::has_list(path).then_some((
        "has an access control list",
        "take it off (`setfacl -b`) and set the mode",
    ))
}

/// A file of another user's, which stays that user's: only root can write it so, and nobody may
/// have been able to put it there in root's way.
fn foreign(found: &Metadata, path: &Path) -> Option<(&'static str, &'static str)> {
    if found.uid() == geteuid().as_raw() {
        return None;
    }
    let is_shared = fs::metadata(folder_of(path)).is_ok_and(|folder| folder.mode() & SHARED != 0);
    if is_shared {
        Some((
            "belongs to another user, in a folder to which everybody can write",
            "name a file in another folder",
        ))
    } else if !geteuid().is_root() {
        Some(("belongs to another user", "name a file of your own"))
    } else {
        None
    }
}

/// Gives a new file the owner, group and mode of the one that it replaces.
fn resemble(file: &File, replaced: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (replaced.uid(), replaced.gid()) {
        fchown(file, Some(replaced.uid()), Some(replaced.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(replaced.mode() & 0o7777))
}

/// The system's word alone: what is not there yet need not be named, and tempfile puts that behind
/// it.
fn plain(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((word, _)) => io::Error::new(error.kind(), word.to_owned()),
        None => error,
    }
}

/// Gives a new file a later date than the one that it replaces, in whole seconds. Who looks
/// for changes by that and the size, as Dovecot does, would miss the second one of a second.
fn date_after(file: &File, replaced: &Metadata) -> io::Result<()> {
    let second = |found: &Metadata| Duration::from_secs(found.mtime().try_into().unwrap_or(0));
    let next = second(replaced) + Duration::from_secs(1);
    if second(&file.metadata()?) < next {
        file.set_modified(SystemTime::UNIX_EPOCH + next)?;
    }
    Ok(())
}

/// Why no file can be begun beside a path.
fn unbegun(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        ErrorKind::NotFound if !folder_of(path).exists() => Error::NoFolder(path.to_owned()),
        _ => failed(path, source),
    }
}

/// The error that the system's word on a path is.
pub fn failed(path: &Path, source: io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        source,
    }
}

/// Makes what was last done in the folder that holds `path` survive a power cut.
///
/// # Errors
/// If the system cannot do so.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    sync_within(folder_of(path))
}

/// Makes what was last done in a folder survive a power cut.
///
/// # Errors
/// If the system cannot do so.
pub fn sync_within(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A path as no other leads to the same file: with the folder as it really is, where there is one.
pub fn real(path: &Path) -> PathBuf {
    let folder = fs::canonicalize(folder_of(path)).ok();
    match folder.zip(path.file_name()) {
        Some((folder, name)) => folder.join(name),
        None => path
            .components()
            .filter(|part| *part != Component::CurDir)
            .collect(),
    }
}

/// The folder that holds `path`, which may be relative.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn write(path: &Path, existing: Existing) -> Result<(), Error> {
        let mut draft = Draft::begin(path, existing)?;
        draft.write(b"new")?;
        draft.publish()
    }

    #[test]
    fn a_new_file_is_private_and_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        write(&path, Existing::Keep).expect("written");
        assert_eq!(fs::read(&path).expect("the file"), b"new");
        let mode = fs::metadata(&path).expect("the file").mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert!(write(&path, Existing::Keep).is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }

    #[test]
    fn a_replaced_file_keeps_its_mode_and_an_unsafe_one_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&path, "old").expect("written");
        symlink(&path, &link).expect("linked");
        for (mode, is_written) in [(0o644, false), (0o602, false), (0o640, true), (0o400, true)] {
            fs::write(&path, "old").ok();
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("changed");
            let written = write(&path, Existing::Replace);
            assert_eq!(written.is_ok(), is_written, "{mode:o}");
            let now = fs::metadata(&path).expect("the file").mode();
            assert_eq!(now & 0o7777, mode);
            assert!(write(&link, Existing::Replace).is_err());
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("changed");
        }
        assert!(write(folder.path(), Existing::Replace).is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2);
    }

    #[test]
    fn why_there_is_no_draft_is_said_in_the_systems_words_alone() {
        let error = Draft::begin(Path::new("/proc/file"), Existing::Keep).expect_err("no disk");
        let expected = "cannot write `/proc/file`: No such file or directory (os error 2)";
        assert_eq!(error.to_string(), expected);
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("missing");
        let error = Draft::begin(&missing.join("file"), Existing::Keep).expect_err("no folder");
        let folder = missing.display();
        let expected = format!("cannot write `{folder}/file`: there is no folder `{folder}`");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_draft_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let mut draft = Draft::begin(&path, Existing::Keep).expect("begun");
        draft.write(b"half").expect("written");
        drop(draft);
        let draft = Draft::begin(&path, Existing::Keep).expect("begun");
        fs::write(&path, "another's").expect("written");
        assert!(draft.publish().is_err());
        assert_eq!(fs::read(&path).expect("the file"), b"another's");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }
}
