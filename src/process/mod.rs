//! What the process does to itself before it touches a secret, and whom it acts for.

mod actor;
mod clock;
pub mod job;
mod pager;
mod panic;
mod signals;
mod system;
mod zone;

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{User, geteuid};
use rand::TryRng;
use rand::rngs::SysRng;
use signal_hook::consts::SIGXFSZ;
use signal_hook::flag;

pub use actor::actor;
pub use clock::{WrongClock, clock, has_http_date, now};
pub use pager::Pager;
pub use panic::report_panics;
pub use signals::{DeferredSignals, kill_by_signal, outlives_terminal};
pub use system::system;
pub use zone::{LOCAL_TIME, time_zone};

use crate::memory;

/// What may keep the system from starting a thread.
pub const NO_THREAD: &str = "raise the process limit: TasksMax= in the service's unit, the \
     container's pids limit, or `ulimit -u`";

/// Makes the process private: new files 0600 whatever the caller's umask, no core dump, no
/// reading of its memory by other processes of the same user, and no death by a file-size
/// limit, so that the result of a write decides. (Rust's runtime ignores SIGPIPE already.)
pub fn harden() {
    umask(Mode::from_bits_truncate(0o077));
    // None of these can fail on a process that only takes rights away from itself.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = set_dumpable(false);
    let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Lets the process have as many files open as it can ask for; tells how many that are.
pub fn raise_open_files() -> usize {
    let files = Resource::RLIMIT_NOFILE;
    let Ok((soft, hard)) = getrlimit(files) else {
        return usize::MAX;
    };
    let raised = setrlimit(files, hard, hard).is_ok();
    let limit = if raised { hard } else { soft };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// How many files it has open; none where that cannot be told.
pub fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Whether the terminal can do nothing but show lines.
pub fn is_dumb_terminal() -> bool {
    env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Whether standard output was closed when the process was started.
pub fn is_output_closed() -> bool {
    memory::was_output_closed()
}

/// Where programs are looked for.
pub fn search_path() -> Option<OsString> {
    env::var_os("PATH")
}

/// Makes sure that the system gives random bytes, before anything else: without them even a hash
/// table panics.
pub fn expect_random_bytes() -> Result<(), impl Display> {
    SysRng.try_fill_bytes(&mut [0; 1])
}

/// The name of the user whom new files belong to, if that user has one.
pub fn user() -> Option<String> {
    Some(User::from_uid(geteuid()).ok().flatten()?.name)
}

/// Whether root runs with somebody else's home, as `sudo` may leave it.
pub fn is_root_in_another_home() -> bool {
    use std::os::unix::fs::MetadataExt;
    let home = env::var_os("HOME").and_then(|home| std::fs::metadata(home).ok());
    geteuid().is_root() && home.is_some_and(|home| home.uid() != 0)
}
