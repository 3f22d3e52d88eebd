//! Allows one process at a time to continue a key's rotation.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::files::{LockAttempt, LockFile};
use crate::vault::{KeyId, Vault};

/// Locks a key's rotation, unless another process continues it for longer than `wait`. Where no file can
/// be locked beside the vault, it cannot be written either.
pub(super) fn lock(key: KeyId, vault: &Vault, wait: Duration) -> io::Result<LockAttempt> {
    let mut path = vault.path().as_os_str().to_owned();
    path.push(format!(".rotation-{key}"));
    LockFile::wait_for(&PathBuf::from(path), wait)
}
