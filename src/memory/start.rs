//! What the process was started with, seen before Rust's runtime runs.
//!
//! The runtime opens `/dev/null` in the place of a standard stream that is closed; from then on
//! `>&-` and `>/dev/null` look alike, and what is written is lost without an error. Only code that
//! the loader runs before `main` can tell, and to have it run there is no safe way.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;

static WAS_OUTPUT_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether standard output was closed when the process was started.
pub fn was_output_closed() -> bool {
    WAS_OUTPUT_CLOSED.load(Ordering::Relaxed)
}

#[used]
// SAFETY: an entry of this section is a pointer to a function of this type (System V ABI).
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = note_output;

extern "C" fn note_output() {
    // SAFETY: F_GETFD reads a flag of a descriptor and touches no memory.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    WAS_OUTPUT_CLOSED.store(flags == -1, Ordering::Relaxed);
}
