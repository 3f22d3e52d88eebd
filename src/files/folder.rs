//! Folders of files worth protecting: made private, and synced.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::walk::{FolderWalk, OtherUser, OtherWriter};
use super::{Error, FileRole, failed, folder_of};

/// A folder and those above it that are missing, the lowest first.
pub fn missing_folders(folder: &Path) -> Vec<&Path> {
    folder
        .ancestors()
        .take_while(|above| !is_folder(above))
        .collect()
}

/// Makes the folders that are missing: 0700, and durable.
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

/// Makes what was last done in the folder that holds `path` survive a power cut.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Makes sure that files can be kept in a folder, or in one that is to be made: nobody else may
/// be able to put theirs, or another folder, in their place.
///
/// # Errors
/// [`Error::Refused`] if others may write to it or to one above it, or it is no folder.
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

/// Whether there is a folder; the empty path, above a relative one, is the current folder.
fn is_folder(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.is_dir()
}
