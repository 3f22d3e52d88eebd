//! Descriptors of a vault's file besides SQLite's own, closed only when that releases no lock.
//!
//! Closing any descriptor of a file releases all locks of the process on that file (fcntl(2),
//! "Record locks"), including those of SQLite's connections, which would not notice.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::files::FileId;

/// The open descriptors of this process.
static OPEN: Mutex<OpenFile> = Mutex::new(OpenFile {
    connections: Vec::new(),
    parked: Vec::new(),
});

struct OpenFile {
    /// The file of each connection; `None` until it is known.
    connections: Vec<Option<FileId>>,
    /// Descriptors that are no longer needed, but cannot be closed yet.
    parked: Vec<(File, FileId)>,
}

/// A descriptor of a file that may be a vault.
#[derive(Debug)]
pub(super) struct Descriptor {
    /// `Some` until dropped.
    file: Option<File>,
    id: FileId,
}

/// An open connection, counted until dropped.
#[derive(Debug)]
pub(super) struct Connected(Option<FileId>);

impl Descriptor {
    pub(super) fn new(file: File, id: FileId) -> Self {
        let file = Some(file);
        Self { file, id }
    }

    /// Opens a file for reading.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let id = FileId::of(&file.metadata()?);
        Ok(Self::new(file, id))
    }

    /// The identity of its file.
    pub(super) fn id(&self) -> FileId {
        self.id
    }
}

impl Deref for Descriptor {
    type Target = File;

    fn deref(&self) -> &File {
        self.file.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            open().release(file, self.id);
        }
    }
}

impl Connected {
    /// Counts a connection before it is opened.
    pub(super) fn begin() -> Self {
        open().connections.push(None);
        Self(None)
    }

    /// Records its file, once it is open.
    pub(super) fn set_file(&mut self, file: FileId) {
        let mut open = open();
        open.connections.push(Some(file));
        open.forget(self.0);
        self.0 = Some(file);
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        open().forget(self.0);
    }
}

impl OpenFile {
    /// Closes a descriptor, at once or as soon as no connection can have its file open.
    fn release(&mut self, file: File, id: FileId) {
        self.parked.push((file, id));
        self.close_idle();
    }

    fn forget(&mut self, connection: Option<FileId>) {
        let at = self.connections.iter().position(|&file| file == connection);
        if let Some(at) = at {
            self.connections.swap_remove(at);
        }
        self.close_idle();
    }

    fn close_idle(&mut self) {
        let connections = &self.connections;
        let is_needed = |id| {
            let may_be = |file: &Option<FileId>| file.is_none_or(|file| file == id);
            connections.iter().any(may_be)
        };
        self.parked.retain(|(_, id)| is_needed(*id));
    }
}

/// Held until a descriptor is closed, so that no connection is opened meanwhile.
fn open() -> MutexGuard<'static, OpenFile> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_closed_once_no_connection_uses_its_file() {
        let new = || {
            let file = tempfile::tempfile().expect("a file");
            let id = FileId::of(&file.metadata().expect("a file's"));
            (file, id)
        };
        let ((first, id), (second, other)) = (new(), new());
        let mut open = OpenFile {
            connections: vec![None, Some(id), Some(id)],
            parked: Vec::new(),
        };
        open.release(second, other);
        open.release(first, id);
        assert_eq!(open.parked.len(), 2, "one may be to any file");
        open.forget(None);
        assert_eq!(open.parked.len(), 1, "none is to the second");
        open.forget(Some(id));
        assert_eq!(open.parked.len(), 1);
        open.forget(Some(id));
        assert!(open.parked.is_empty());
    }
}
