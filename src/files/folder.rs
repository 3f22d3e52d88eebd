//! Private, durable folders for protected files.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::walk::{FolderWalk, OtherUser, OtherWriter};
use super::{Error, FileRole, failed, folder_of};

/// The missing ones of a folder and its parents, the lowest first.
pub fn missing_folders(folder: &Path) -> Vec<&Path> {
    folder
        .ancestors()
        .take_while(|above| !is_folder(above))
        .collect()
}

/// Creates the missing folders with mode 0700, durably.
pub fn make_folders(missing: &[&Path]) -> io::Result<()> {
    for folder in missing.iter().rev() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        sync_folder(folder)?;
    }
    Ok(())
}

/// Makes the last change in the folder of `path` durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Makes sure that files are safe in an existing or future folder: nobody else may be able to
/// replace them or the folder.
///
/// # Errors
/// [`Error::Refused`] if others can write to it or one of its parents, or it is not a folder.
pub fn expect_own_folder(folder: &Path, what: FileRole) -> Result<(), Error> {
    if folder.exists() && !folder.is_dir() {
        return Err(Error::Refused {
            path: folder.to_owned(),
            why: "is not a folder",
            hint: "name another one",
        });
    }
    let missing = missing_folders(folder);
    let highest = missing.last().map_or(folder, |highest| folder_of(highest));
    let walk = FolderWalk::into(highest).map_err(|source| failed(folder, source))?;
    walk.expect_trusted()
        .map_err(|other| what.refusal(&other))?;
    match walk.is_shared() && missing.is_empty() {
        true => Err(what.refusal(&OtherWriter {
            path: walk.real.clone(),
            who: OtherUser::Writers,
        })),
        false => Ok(()),
    }
}

/// Whether the folder exists; the empty path, the parent of a relative one, is the current folder.
fn is_folder(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.is_dir()
}
