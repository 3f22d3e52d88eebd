//! The location of a vault, and whether it is private.
//!
//! Only uses lstat: closing a descriptor of the vault would release SQLite's locks on the file.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::Error;
use crate::files::{
    FileRole, FinalLink, FolderWalk, OtherUser, OtherWriter, folder_of, is_of_folder, make_folders,
    missing_folders,
};

/// Any access for the group or others.
const GROUP_AND_OTHERS: u32 = 0o077;

/// The path with its folder resolved, checked to be private; the file need not exist.
///
/// # Errors
/// [`Error::Missing`] if there is no such folder, [`Error::Unsafe`] if others could replace the
/// vault through it.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, Error> {
    if is_of_folder(path) {
        return Err(is_a_folder(path));
    }
    let folder = folder_of(path);
    let walk = FolderWalk::to(path, FinalLink::Stay).map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::Missing(path.to_owned()),
        ErrorKind::IsADirectory => is_a_folder(path),
        _ => Error::Io {
            doing: "open the folder",
            path: folder.to_owned(),
            source,
        },
    })?;
    expect_trusted(&walk)?;
    if walk.is_shared() {
        let path = walk.real.clone();
        return Err(refused(&OtherWriter {
            path,
            who: OtherUser::Writers,
        }));
    }
    Ok(walk.path())
}

fn is_a_folder(path: &Path) -> Error {
    Error::Unsafe {
        path: path.to_owned(),
        why: "is a folder",
        hint: "give the name of a file in that folder",
    }
}

/// Creates the vault's folder and its parents if missing: with mode 0700, and durable.
pub(super) fn make_folder(path: &Path) -> Result<(), Error> {
    let folder = folder_of(path);
    let failed = |source| Error::Io {
        doing: "create the folder",
        path: folder.to_owned(),
        source,
    };
    let missing = missing_folders(folder);
    let Some(highest) = missing.last() else {
        return Ok(());
    };
    expect_trusted(&FolderWalk::into(folder_of(highest)).map_err(failed)?)?;
    make_folders(&missing).map_err(failed)
}

/// Makes sure that nobody else could replace the vault's file or a folder above it.
fn expect_trusted(walk: &FolderWalk) -> Result<(), Error> {
    walk.expect_trusted().map_err(|other| refused(&other))
}

fn refused(other: &OtherWriter) -> Error {
    FileRole::Vault.refusal(other).into()
}

/// Whether group or others have any access to the folder of the vault's file.
pub(super) fn is_folder_shared(path: &Path) -> bool {
    fs::metadata(folder_of(path)).is_ok_and(|found| found.mode() & GROUP_AND_OTHERS != 0)
}

/// Whether the file at the resolved path exists; refuses one that is not private.
pub(super) fn exists(path: &Path) -> Result<bool, Error> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(source) => {
            return Err(Error::Io {
                doing: "inspect",
                path: path.to_owned(),
                source,
            });
        }
    };
    match file_fault(&found) {
        None => Ok(true),
        Some((why, hint)) => Err(Error::Unsafe {
            path: path.to_owned(),
            why,
            hint,
        }),
    }
}

/// Whether the file is empty, as after an interrupted first change.
pub(super) fn is_empty(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0)
}

/// Why the vault's file is refused, and the hint.
fn file_fault(file: &Metadata) -> Option<(&'static str, &'static str)> {
    let kind = file.file_type();
    if kind.is_symlink() {
        Some(("is a symbolic link", "name the file itself with --vault"))
    } else if kind.is_dir() {
        Some((
            "is a folder",
            "give the name of a file in that folder, as in --vault FOLDER/vault.db",
        ))
    } else if !kind.is_file() {
        Some(("is not a regular file", "name another file with --vault"))
    } else if file.nlink() > 1 {
        Some((
            "has more than one hard link",
            "remove the other hard links, or copy the file",
        ))
    } else if file.uid() != geteuid().as_raw() {
        Some((
            "belongs to another user",
            "run postkey as its owner, with `sudo -u OWNER`",
        ))
    } else if file.mode() & GROUP_AND_OTHERS != 0 {
        Some((
            "is accessible to other users",
            "find out who changed it, then `chmod 600 {path}`",
        ))
    } else {
        None
    }
}

/// The path of a file that belongs to a vault. A folder may contain several vaults, which must not
/// share it: `NAME` beside `vault.db`, `OWN.NAME` beside `OWN.db`, and beside any other vault its
/// whole name, a dot and `NAME`.
pub fn beside(vault: &Path, name: &str) -> PathBuf {
    let own = vault.file_name().unwrap_or_default();
    let stem = own.to_str().and_then(|own| own.strip_suffix(".db"));
    vault.with_file_name(match stem {
        Some("vault") => OsString::from(name),
        Some(stem) => format!("{stem}.{name}").into(),
        None => [own, OsStr::new("."), OsStr::new(name)]
            .into_iter()
            .collect(),
    })
}

/// Whether a file beside a vault exists, at a resolved path.
///
/// # Errors
/// [`Error::Unsafe`] if it is not private.
pub fn file_is_there(path: &Path) -> Result<bool, Error> {
    exists(path)
}
