//! Which file it is, whatever it is called.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells a file from every other: its device and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(u64, u64);

impl FileId {
    /// The file at a path, links not followed; `None` if there is none.
    pub fn at(path: &Path) -> Option<Self> {
        fs::symlink_metadata(path).ok().as_ref().map(Self::of)
    }

    /// The file that was found so.
    pub fn of(found: &Metadata) -> Self {
        Self(found.dev(), found.ino())
    }
}
