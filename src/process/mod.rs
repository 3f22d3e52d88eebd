//! What the process does to itself before it touches a secret, and whom it acts for.

mod actor;
mod clock;
pub mod job;
mod pager;
mod panic;
mod zone;

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{User, geteuid};
use rand::TryRng;
use rand::rngs::SysRng;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level};

pub use actor::actor;
pub use clock::{WrongClock, clock, has_http_date, now};
pub use pager::Pager;
pub use panic::tell_panics;
pub use zone::time_zone;

use crate::memory;

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

/// Whether whoever started the process, `nohup` say, wants it to outlive its terminal: then
/// SIGHUP was ignored before it began.
pub fn outlives_terminal() -> bool {
    is_ignored(SIGHUP)
}

/// Whether a signal is ignored (proc(5), `SigIgn`).
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// The death by a signal, put off until what must not be cut in two is whole. The second signal
/// kills at once.
#[derive(Debug)]
pub struct DeferredSignals(Arc<AtomicUsize>);

impl DeferredSignals {
    /// Puts off the death by SIGINT, SIGTERM and SIGHUP from now on; those that are ignored stay so.
    pub fn begin() -> Self {
        let caught = Arc::new(AtomicUsize::new(0));
        let is_second = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if is_ignored(signal) {
                continue;
            }
            // In this order: what is registered first runs first. Where one cannot be
            // registered, the signal kills as ever.
            let _ = flag::register_conditional_default(signal, Arc::clone(&is_second));
            let _ = flag::register(signal, Arc::clone(&is_second));
            let _ = flag::register_usize(signal, Arc::clone(&caught), signal as usize);
        }
        Self(caught)
    }

    /// The signal that is to kill the process, if there was one.
    pub fn signal(&self) -> Option<i32> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal as i32),
        }
    }
}

/// Dies as the signal would have killed the process.
pub fn die_by(signal: i32) {
    let _ = low_level::emulate_default_handler(signal);
}

/// Where programs are looked for.
pub fn search_path() -> Option<OsString> {
    env::var_os("PATH")
}

/// Makes sure that the system gives random bytes, before anything else: without them even a hash
/// table panics.
///
/// # Errors
/// What the system answered.
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
