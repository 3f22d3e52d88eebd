//! The identity of a file, independent of its names.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The identity of a file: its device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(u64, u64);

impl FileId {
    /// The file at a path, without following links; `None` if there is none.
    pub fn at(path: &Path) -> Option<Self> {
        fs::symlink_metadata(path).ok().as_ref().map(Self::of)
    }

    /// The file with this metadata.
    pub fn of(found: &Metadata) -> Self {
        Self(found.dev(), found.ino())
    }
}
