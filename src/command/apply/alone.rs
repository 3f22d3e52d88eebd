//! One `apply` at a time: two that make the same key at once would each deliver a secret, and
//! only one of these would be good.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

use crate::command::Session;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::FileId;
use crate::vault::Vault;

/// How often the other one is asked.
const PAUSE: Duration = Duration::from_millis(50);

/// While this lives, no other `apply` is at work on the vault; all other commands go on. The
/// system gives the lock back however the process ends.
pub(super) struct Alone {
    _file: File,
    path: PathBuf,
}

impl Alone {
    /// Waits for another `apply` on the vault. Where no file can be locked beside the vault,
    /// there is only care.
    pub(super) fn wait(vault: &Vault, session: &Session) -> Result<Option<Self>, Error> {
        let mut path = vault.path().as_os_str().to_owned();
        path.push(".apply");
        let path = PathBuf::from(path);
        let end = Instant::now() + session.settings.wait;
        loop {
            let Ok(file) = open(&path) else {
                return Ok(None);
            };
            match file.try_lock() {
                // Who had it before may have removed it.
                Ok(()) if !is_at(&file, &path) => {}
                Ok(()) => return Ok(Some(Self { _file: file, path })),
                Err(TryLockError::Error(_)) => return Ok(None),
                Err(TryLockError::WouldBlock) if Instant::now() >= end => return Err(busy()),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // What stays is an empty file, which the next one locks.
        let _ = fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options.custom_flags(flags.bits()).open(path)
}

fn is_at(file: &File, path: &Path) -> bool {
    file.metadata()
        .is_ok_and(|held| FileId::at(path) == Some(FileId::of(&held)))
}

fn busy() -> Error {
    let message = "another `postkey apply` is at work on this vault";
    Error::new(ExitStatus::Trouble, message).hint("try again, or wait longer with --wait 5m")
}
