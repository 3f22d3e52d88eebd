//! The umask: of this process, and of programs that are not part of it.

use std::sync::OnceLock;

use nix::sys::stat::{Mode, umask};

/// Keeps new files private.
const PRIVATE: Mode = Mode::S_IRWXG.union(Mode::S_IRWXO);

/// The umask that the process was started with.
static OF_CALLER: OnceLock<Mode> = OnceLock::new();

/// Makes new files private, with mode 0600.
pub(super) fn make_private() {
    let _ = OF_CALLER.set(umask(PRIVATE));
}

/// Starts a program with the umask that this process was started with; no other thread may create
/// files meanwhile.
pub(super) fn with_that_of_caller<T>(start: impl FnOnce() -> T) -> T {
    umask(OF_CALLER.get().copied().unwrap_or(PRIVATE));
    let started = start();
    umask(PRIVATE);
    started
}
