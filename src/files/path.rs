//! Paths as given, and as they really are.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// A unique path for a file: with the real path of its folder, if that exists.
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

/// The folder of `path`, which may be relative.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
