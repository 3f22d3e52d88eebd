//! Locks between processes, on a folder or on a file.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::files::FileId;

/// How long to wait between attempts.
pub const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// A lock, released on drop or when the process ends. On a folder it leaves no file behind.
#[derive(Debug)]
pub struct FileLock {
    held: File,
}

impl FileLock {
    /// Waits for the lock on a folder; `None` on timeout.
    pub fn wait_for(folder: &Path, wait: Duration) -> io::Result<Option<Self>> {
        Self::at(File::open(folder)?, wait)
    }

    /// Waits for the lock on an open file; `None` on timeout.
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

    /// Whether the locked file is the one at a path.
    pub fn is_at(&self, path: &Path) -> io::Result<bool> {
        let held = FileId::of(&self.held.metadata()?);
        match std::fs::symlink_metadata(path) {
            Ok(found) => Ok(FileId::of(&found) == held),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
