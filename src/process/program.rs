//! Looks programs up as a shell does.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use which::which_in;

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

/// Whether there is a file where such a program would be found, even if it cannot be executed.
pub fn is_program_file(name: &OsStr) -> bool {
    let path = Path::new(name);
    if name.is_empty() || path.components().count() > 1 || path.is_absolute() {
        return path.exists();
    }
    let folders = search_path().unwrap_or_default();
    env::split_paths(&folders).any(|folder| folder.join(path).exists())
}
