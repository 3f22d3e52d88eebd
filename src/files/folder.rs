//! Folders that are made for files worth protecting.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use super::{Error, failed, sync_folder};

/// Group or others may write.
const SHARED_WRITE: u32 = 0o022;

/// A folder and those above it that are missing, the lowest first.
pub fn missing_folders(folder: &Path) -> Vec<&Path> {
    folder
        .ancestors()
        .take_while(|above| !is_folder(above))
        .collect()
}

/// Makes the folders that are missing: 0700, and durable.
///
/// # Errors
/// If the system does not let it happen.
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

/// Makes sure that files can be kept in a folder that is there: others must not be able to put
/// theirs in their place. One that is missing will do.
///
/// # Errors
/// [`Error::Refused`] if others may write to it, or it is no folder.
pub fn expect_own_folder(folder: &Path) -> Result<(), Error> {
    let found = match fs::metadata(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(folder, source)),
    };
    let (why, mend) = if !found.is_dir() {
        ("is not a folder", "name another one")
    } else if found.mode() & SHARED_WRITE != 0 {
        (
            "is a folder that other users can write to",
            "`chmod go-w` it, or name another one",
        )
    } else {
        return Ok(());
    };
    Err(Error::Refused {
        path: folder.to_owned(),
        why,
        mend,
    })
}

/// Whether there is a folder; the empty path, above a relative one, is the current folder.
fn is_folder(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.is_dir()
}
