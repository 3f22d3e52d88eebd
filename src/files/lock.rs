//! Locks between processes, on a folder or on a file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

use crate::files::FileId;

/// How long to wait between attempts.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_millis(5);

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
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let held = FileId::of(&self.held.metadata()?);
        match fs::symlink_metadata(path) {
            Ok(found) => Ok(FileId::of(&found) == held),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A lock on a file that exists only for it: others are kept away as long as it exists. The kernel
/// releases the lock however the process ends.
#[derive(Debug)]
pub struct LockFile {
    _held: FileLock,
    path: PathBuf,
}

/// The outcome of waiting for a [`LockFile`].
#[derive(Debug)]
pub enum LockAttempt {
    /// This process has it.
    Locked(LockFile),
    /// Another process has it.
    Busy,
    /// No file can be locked there.
    NoFile(io::Error),
}

impl LockFile {
    /// Waits for the lock on the file, which is created with mode 0600.
    ///
    /// # Errors
    /// If the locked file cannot be inspected.
    pub fn wait_for(path: &Path, wait: Duration) -> io::Result<LockAttempt> {
        let end = Instant::now() + wait;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let held = match open_or_create(path).and_then(|file| FileLock::at(file, left)) {
                Ok(Some(held)) => held,
                Ok(None) => return Ok(LockAttempt::Busy),
                Err(error) => return Ok(LockAttempt::NoFile(error)),
            };
            // The previous holder may have removed the file.
            match held.is_at(path)? {
                true => {
                    // Only for messages of others.
                    let _ = held
                        .held
                        .write_all_at(format!("{:<10}", std::process::id()).as_bytes(), 0);
                    return Ok(LockAttempt::Locked(Self {
                        _held: held,
                        path: path.to_owned(),
                    }));
                }
                false if Instant::now() < end => sleep(RETRY_INTERVAL),
                false => return Ok(LockAttempt::Busy),
            }
        }
    }

    /// The process that has the lock, for messages.
    pub fn holder(path: &Path) -> String {
        let text = fs::read_to_string(path).unwrap_or_default();
        match text.trim().parse::<u32>() {
            Ok(id) => format!("another process ({id})"),
            Err(_) => "another process".to_owned(),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Otherwise an empty file is left, which the next process locks.
        let _ = fs::remove_file(&self.path);
    }
}

fn open_or_create(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options.custom_flags(flags.bits()).open(path)
}
