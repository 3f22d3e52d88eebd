//! Allows one process at a time to continue a key's rotation.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{LockAttempt, LockFile};
use crate::vault::{KeyId, Vault};

/// Locks a key's rotation; `None` if another process continues it right now.
///
/// # Errors
/// If no file can be locked beside the vault.
pub(super) fn lock(key: KeyId, vault: &Vault) -> Result<Option<LockFile>, Error> {
    let mut path = vault.path().as_os_str().to_owned();
    path.push(format!(".rotation-{key}"));
    let path = PathBuf::from(path);
    match LockFile::wait_for(&path, Duration::ZERO) {
        Ok(LockAttempt::Locked(lock)) => Ok(Some(lock)),
        Ok(LockAttempt::Busy) => Ok(None),
        Ok(LockAttempt::NoFile(error)) | Err(error) => {
            let message = format!("cannot lock `{}`: {error}", path.display());
            Err(Error::new(ExitStatus::Trouble, message)
                .with_hint("check the file system that the vault is on"))
        }
    }
}
