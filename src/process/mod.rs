//! Hardens the process before it handles secrets, and finds out whom it acts for.

mod actor;
mod clock;
mod foreground;
pub mod job;
mod launch;
mod pager;
mod panic;
mod program;
mod signals;
mod system;
mod time_zone;
mod umask;

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{User, geteuid};
use rand::TryRng;
use rand::rngs::SysRng;
use signal_hook::consts::SIGXFSZ;
use signal_hook::flag;

pub use actor::actor;
pub use clock::{WrongClock, clock, has_http_date, now};
pub use foreground::SignalRelay;
pub use launch::{Launch, is_open};
pub use pager::Pager;
pub use panic::report_panics;
pub use program::{
    find_installed, find_program, is_program_file, program_not_found, search_path, variables_of,
};
pub use signals::{DeferredSignals, kill_by_signal, outlives_terminal};
pub use system::system;
pub use time_zone::{LOCAL_TIME, time_zone};

use crate::memory;

/// What may keep the system from starting a thread.
pub const NO_THREAD: &str = "raise the process limit: TasksMax= in the service's unit, the \
     container's pids limit, or `ulimit -u`";

/// Makes the process private: new files with mode 0600 whatever the caller's umask, no core dump,
/// no access to its memory by other processes of the same user, and no death by a file-size limit,
/// so that writes report errors. (Rust's runtime already ignores SIGPIPE.)
pub fn harden() {
    umask::make_private();
    // These cannot fail, since they only drop privileges.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = set_dumpable(false);
    let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Raises the limit on open files as far as possible; returns it.
pub fn raise_open_files() -> usize {
    let files = Resource::RLIMIT_NOFILE;
    let Ok((soft, hard)) = getrlimit(files) else {
        return usize::MAX;
    };
    let raised = setrlimit(files, hard, hard).is_ok();
    let limit = if raised { hard } else { soft };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// The number of open files; `None` if that is unknown.
pub fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Whether the terminal can only print lines.
pub fn is_dumb_terminal() -> bool {
    env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Whether standard output was closed when the process started.
pub fn is_output_closed() -> bool {
    memory::was_output_closed()
}

/// An environment variable of the caller's.
pub fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// Makes sure that the system provides random bytes before anything else: without them even a hash
/// table panics.
pub fn expect_random_bytes() -> Result<(), impl Display> {
    SysRng.try_fill_bytes(&mut [0; 1])
}

/// The name of the user who will own new files, if there is one.
pub fn user() -> Option<String> {
    Some(User::from_uid(geteuid()).ok().flatten()?.name)
}

/// Whether root runs with another user's HOME, as `sudo` may leave it.
pub fn is_root_in_another_home() -> bool {
    use std::os::unix::fs::MetadataExt;
    let home = env::var_os("HOME").and_then(|home| std::fs::metadata(home).ok());
    geteuid().is_root() && home.is_some_and(|home| home.uid() != 0)
}
