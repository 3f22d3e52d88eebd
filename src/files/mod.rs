//! Files that are worth protecting: written whole or not at all, private from birth, never
//! through a link, and never opened wider than they were.

mod acl;
mod appended;
mod draft;
pub mod env;
mod folder;
mod guard;
mod hint;
mod id;
mod input;
mod location;
mod lock;
mod shared;
mod trust;
mod walk;
pub mod whole;

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

pub use crate::files::lock::{FileLock, PAUSE};
pub use appended::{Appended, append, expect_appendable, values_of};
pub use draft::{Draft, IfExists};
pub use folder::{expect_own_folder, make_folders, missing_folders};
pub use guard::{KeepReason, keep};
pub use hint::{hint_of, shell_word};
pub use id::FileId;
pub use input::open_input;
pub use location::{Synced, expect_writable, is_of_folder};
pub use shared::Changed;
pub use trust::FileRole;
pub use walk::{FinalLink, FolderWalk, OtherUser, OtherWriter};

/// What the name of a file begins with that is not finished.
pub const UNFINISHED: &str = ".postkey-";

/// Why a file was not written; there is nothing new at its path then, but for [`Error::Unsynced`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is at the path must not be replaced.
    #[error("`{}` {why}", path.display())]
    Refused {
        /// The path.
        path: PathBuf,
        /// What is there.
        why: &'static str,
        /// How to fix it; [`hint_of`] fills the path in.
        hint: &'static str,
    },
    /// There is nothing to put the file at this path into.
    #[error("cannot write `{}`: the folder `{}` does not exist", .0.display(), folder_of(.0).display())]
    NoFolder(PathBuf),
    /// The system did not let it happen.
    #[error("cannot write `{}`: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The file is in its place, whole; only that it stays there is not sure.
    #[error("`{}` was written, but may not survive a power failure: {source}", path.display())]
    Unsynced {
        /// The path.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

impl Error {
    /// The same of a file that serves for nothing unless it is sure to stay.
    #[must_use]
    pub fn or_not_written(self) -> Self {
        match self {
            Self::Unsynced { path, source } => Self::Io { path, source },
            error => error,
        }
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
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn write(path: &Path, existing: IfExists) -> Result<(), Error> {
        let mut draft = Draft::begin(path, FileRole::Secret, existing)?;
        draft.write(b"new")?;
        draft.publish()
    }

    #[test]
    fn a_new_file_is_private_and_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        write(&path, IfExists::Keep).expect("written");
        assert_eq!(fs::read(&path).expect("the file"), b"new");
        let mode = fs::metadata(&path).expect("the file").mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert!(write(&path, IfExists::Keep).is_err());
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
            let written = write(&path, IfExists::Replace);
            assert_eq!(written.is_ok(), is_written, "{mode:o}");
            let now = fs::metadata(&path).expect("the file").mode();
            assert_eq!(now & 0o7777, mode);
            assert!(write(&link, IfExists::Replace).is_err());
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("changed");
        }
        assert!(write(folder.path(), IfExists::Replace).is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2);
    }

    #[test]
    fn why_there_is_no_draft_is_said_in_the_systems_words_alone() {
        let error = Draft::begin(Path::new("/proc/file"), FileRole::Secret, IfExists::Keep)
            .expect_err("no disk");
        let expected = "cannot write `/proc/file`: No such file or directory (os error 2)";
        assert_eq!(error.to_string(), expected);
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("missing");
        let error = Draft::begin(&missing.join("file"), FileRole::Secret, IfExists::Keep)
            .expect_err("no folder");
        let folder = missing.display();
        let expected =
            format!("cannot write `{folder}/file`: the folder `{folder}` does not exist");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_draft_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let mut draft = Draft::begin(&path, FileRole::Secret, IfExists::Keep).expect("begun");
        draft.write(b"half").expect("written");
        drop(draft);
        let draft = Draft::begin(&path, FileRole::Secret, IfExists::Keep).expect("begun");
        fs::write(&path, "another's").expect("written");
        assert!(draft.publish().is_err());
        assert_eq!(fs::read(&path).expect("the file"), b"another's");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }
}
