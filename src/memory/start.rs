//! The state of standard output before Rust's runtime starts.
//!
//! The runtime opens `/dev/null` for a closed standard stream; after that, `>&-` and `>/dev/null`
//! look alike, and output is lost without an error. Only code that the loader runs before `main`
//! can tell them apart, and there is no safe way to register it.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;

static WAS_OUTPUT_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether standard output was closed when the process started.
pub fn was_output_closed() -> bool {
    WAS_OUTPUT_CLOSED.load(Ordering::Relaxed)
}

#[used]
// SAFETY: an entry of this section is a pointer to a function of this type (System V ABI).
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = note_output;

extern "C" fn note_output() {
    // SAFETY: F_GETFD reads a descriptor's flags and does not access memory.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    WAS_OUTPUT_CLOSED.store(flags == -1, Ordering::Relaxed);
}
