//! Allows one `apply` at a time: two that create the same key at once would each deliver a secret,
//! and only one of them would be valid.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Instant;

use nix::fcntl::OFlag;

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{FileLock, RETRY_INTERVAL};
use crate::vault::Vault;

/// Keeps other `apply` runs away from the vault while it exists, but no other commands. The kernel
/// releases the lock however the process ends.
pub(super) struct ApplyLock {
    _turn: FileLock,
    path: PathBuf,
}

impl ApplyLock {
    /// Waits for another `apply` on the vault. Returns `None` if no file can be locked beside the
    /// vault.
    pub(super) fn wait(vault: &Vault, context: &Context) -> Result<Option<Self>, Error> {
        let mut path = vault.path().as_os_str().to_owned();
        path.push(".apply");
        let path = PathBuf::from(path);
        let end = Instant::now() + context.settings.wait;
        loop {
            let Ok(file) = open(&path) else {
                return Ok(None);
            };
            match FileLock::at(file, end.saturating_duration_since(Instant::now())) {
                Ok(Some(turn)) => match turn.is_at(&path) {
                    Ok(true) => return Ok(Some(Self { _turn: turn, path })),
                    // The previous holder may have removed the file.
                    Ok(false) if Instant::now() < end => sleep(RETRY_INTERVAL),
                    Ok(false) => return Err(busy()),
                    Err(error) => return Err(cannot_lock(&path, &error)),
                },
                Ok(None) => return Err(busy()),
                Err(_) => return Ok(None),
            }
        }
    }
}

impl Drop for ApplyLock {
    fn drop(&mut self) {
        // Only an empty file is left, which the next run locks.
        let _ = fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options.custom_flags(flags.bits()).open(path)
}

fn cannot_lock(path: &Path, error: &io::Error) -> Error {
    let message = format!("cannot access the lock file `{}`: {error}", path.display());
    Error::new(ExitStatus::Trouble, message).with_hint("check the file system that the vault is on")
}

fn busy() -> Error {
    let message = "another `postkey apply` is running on this vault";
    Error::new(ExitStatus::Trouble, message).with_hint("try again, or wait longer with --wait 5m")
}
