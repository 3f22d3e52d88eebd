//! What the process does to itself before it touches a secret, and whom it acts for.

pub mod job;

use std::env;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{User, geteuid, gethostname, getuid};
use signal_hook::consts::{SIGHUP, SIGXFSZ};

use crate::vault::Actor;

/// Makes the process private: new files 0600 whatever the caller's umask, no core dump, no
/// reading of its memory by other processes of the same user, and no death by a file-size
/// limit, so that the result of a write decides. (Rust's runtime ignores SIGPIPE already.)
pub fn harden() {
    umask(Mode::from_bits_truncate(0o077));
    // None of these can fail on a process that only takes rights away from itself.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = set_dumpable(false);
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Whether whoever started the process, `nohup` say, wants it to outlive its terminal: then
/// SIGHUP was ignored before it began (proc(5), `SigIgn`).
pub fn outlives_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (SIGHUP - 1) & 1 == 1)
}

/// The user and host that the log names.
pub fn actor() -> Actor {
    let uid = getuid();
    let user = User::from_uid(uid).ok().flatten();
    Actor {
        uid: uid.as_raw(),
        user: user.map_or_else(|| uid.to_string(), |user| user.name),
        sudo_user: env::var("SUDO_USER").ok().filter(|name| !name.is_empty()),
        host: gethostname().map_or_else(
            |_| "unknown".to_owned(),
            |host| host.to_string_lossy().into_owned(),
        ),
    }
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
