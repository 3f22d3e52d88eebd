//! Signals that are ignored, and those that may have to wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

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
#[derive(Clone, Debug)]
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
pub fn kill_by_signal(signal: i32) {
    let _ = low_level::emulate_default_handler(signal);
}
