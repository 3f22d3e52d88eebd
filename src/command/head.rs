//! The log's head, saved outside of the vault.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::vault::Head;

/// How long a saved head may be, in bytes: far more than it is.
const LONGEST: u64 = 1024;

/// Reads a head that was saved.
pub(super) fn read(path: &Path) -> Result<Head, Error> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
        .map_err(|error| failed("read the saved head", path, &error))?;
    text.parse().map_err(|why| {
        Error::new(ExitStatus::Trouble, format!("`{}` {why}", path.display()))
            .hint("`postkey log --verify --save-head FILE` saves one")
    })
}

/// Saves a head: the file is made anew, 0600, and takes the place of the one before in one
/// step.
pub(super) fn save(head: &Head, path: &Path) -> Result<(), Error> {
    replace(path, head.to_string().as_bytes())
        .map_err(|error| failed("save the head in", path, &error))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("it is not a regular file"));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> Error {
    let message = format!("cannot {doing} `{}`: {error}", path.display());
    Error::new(ExitStatus::Trouble, message)
}
