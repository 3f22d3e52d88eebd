//! Paths of files: as they were named, and as they really are.

use std::fs;
use std::path::{Component, Path, PathBuf};

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
