//! Turns: of several processes one at a time does something in a folder, or holds a file.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::files::FileId;

/// How long to wait before looking again.
pub const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// A turn, until it is dropped or the process ends. One in a folder leaves no file.
#[derive(Debug)]
pub struct FileLock {
    held: File,
}

impl FileLock {
    /// Waits for a turn, for so long; `None` if it did not come.
    pub fn wait_for(folder: &Path, wait: Duration) -> io::Result<Option<Self>> {
        Self::at(File::open(folder)?, wait)
    }

    /// Waits for a turn at what was opened, for so long; `None` if it did not come.
    pub fn at(held: File, wait: Duration) -> io::Result<Option<Self>> {
        let start = Instant::now();
        loop {
            match held.try_lock() {
                Ok(()) => return Ok(Some(Self { held })),
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => sleep(RETRY_INTERVAL),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Whether what is held is what is at a path.
    pub fn is_of(&self, path: &Path) -> io::Result<bool> {
        let held = FileId::of(&self.held.metadata()?);
        match std::fs::symlink_metadata(path) {
            Ok(found) => Ok(FileId::of(&found) == held),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
