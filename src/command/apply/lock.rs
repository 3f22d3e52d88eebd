//! Allows one `apply` at a time: two that create the same key at once would each deliver a secret,
//! and only one of them would be valid.

use std::io;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{LockAttempt, LockFile};
use crate::vault::Vault;

/// Keeps other `apply` runs away from the vault while it exists, but no other commands.
pub(super) struct ApplyLock {
    _turn: LockFile,
}

impl ApplyLock {
    /// Waits for another `apply` on the vault. Returns `None` if no file can be locked beside the
    /// vault.
    pub(super) fn wait(vault: &Vault, context: &Context) -> Result<Option<Self>, Error> {
        let mut path = vault.path().as_os_str().to_owned();
        path.push(".apply");
        let path = PathBuf::from(path);
        match LockFile::wait_for(&path, context.settings.wait) {
            Ok(LockAttempt::Locked(turn)) => Ok(Some(Self { _turn: turn })),
            Ok(LockAttempt::Busy) => Err(busy()),
            Ok(LockAttempt::NoFile(_)) => Ok(None),
            Err(error) => Err(cannot_lock(&path, &error)),
        }
    }
}

fn cannot_lock(path: &Path, error: &io::Error) -> Error {
    let message = format!("cannot access the lock file `{}`: {error}", path.display());
    Error::new(ExitStatus::Trouble, message).with_hint("check the file system that the vault is on")
}

fn busy() -> Error {
    let message = "another `postkey apply` is running on this vault";
    Error::new(ExitStatus::Trouble, message).with_hint("try again, or wait longer with --wait 5m")
}
