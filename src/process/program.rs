//! Looks programs up as a shell does.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use which::which_in;

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::quoted;

/// The folders that programs are searched in.
pub fn search_path() -> Option<OsString> {
    env::var_os("PATH")
}

/// The path of a program that is run in this folder; an empty one is the current folder.
pub fn find_program(name: &OsStr, folder: &Path) -> Option<PathBuf> {
    let folder = fs::canonicalize(match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    })
    .unwrap_or_else(|_| folder.to_owned());
    which_in(name, search_path(), folder).ok()
}

/// The path of an installed program. Folders of PATH that are relative are skipped: what is in them
/// may be anybody's.
pub fn find_installed(name: &str) -> Option<PathBuf> {
    let folders = search_path()?;
    let installed = env::split_paths(&folders).filter(|folder| folder.is_absolute());
    let installed = env::join_paths(installed).ok()?;
    which_in(name, Some(installed), "/").ok()
}

/// The names of the environment variables that begin so.
pub fn variables_of(start: &str) -> impl Iterator<Item = OsString> {
    let names = env::vars_os().map(|(name, _)| name);
    names.filter(move |name| name.as_bytes().starts_with(start.as_bytes()))
}

/// The error that a program is not found.
pub fn program_not_found(name: &OsStr, status: ExitStatus) -> Error {
    let message = format!("program {} not found", quoted(&name.to_string_lossy()));
    Error::new(status, message)
        .with_hint("install it, or give its full path; programs are looked up in PATH")
}

/// Whether there is a file where such a program would be found, even if it cannot be executed.
pub fn is_program_file(name: &OsStr) -> bool {
    let path = Path::new(name);
    if name.is_empty() || path.components().count() > 1 || path.is_absolute() {
        return path.exists();
    }
    let folders = search_path().unwrap_or_default();
    env::split_paths(&folders).any(|folder| folder.join(path).exists())
}
