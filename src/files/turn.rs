//! Turns: of several processes one at a time does something in a folder.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(5);

/// A turn in a folder, until it is dropped or the process ends. It leaves no file.
#[derive(Debug)]
pub struct Turn {
    _folder: File,
}

impl Turn {
    /// Waits for a turn, for so long; `None` if it did not come.
    ///
    /// # Errors
    /// If the folder cannot be opened, or its file system knows no locks.
    pub fn wait_for(folder: &Path, wait: Duration) -> io::Result<Option<Self>> {
        let start = Instant::now();
        let folder = File::open(folder)?;
        loop {
            match folder.try_lock() {
                Ok(()) => return Ok(Some(Self { _folder: folder })),
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}
