//! Ignored signals, and deferred ones.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// Whether SIGHUP was ignored at the start, as by `nohup`, so that the process outlives its
/// terminal.
pub fn outlives_terminal() -> bool {
    is_ignored(SIGHUP)
}

/// Whether a signal is ignored (proc(5), `SigIgn`).
pub(super) fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Defers termination by signals until a critical section is complete. The second signal terminates
/// at once.
#[derive(Clone, Debug)]
pub struct DeferredSignals(Arc<AtomicUsize>);

impl DeferredSignals {
    /// Defers termination by SIGINT, SIGTERM and SIGHUP from now on, unless they are ignored.
    pub fn begin() -> Self {
        let caught = Arc::new(AtomicUsize::new(0));
        let is_second = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if is_ignored(signal) {
                continue;
            }
            // Handlers run in the order of registration. If one cannot be registered, the signal
            // terminates as usual.
            let _ = flag::register_conditional_default(signal, Arc::clone(&is_second));
            let _ = flag::register(signal, Arc::clone(&is_second));
            let _ = flag::register_usize(signal, Arc::clone(&caught), signal as usize);
        }
        Self(caught)
    }

    /// The same from the first call on, for all callers.
    pub fn begin_once() -> Self {
        static SHARED: OnceLock<DeferredSignals> = OnceLock::new();
        SHARED.get_or_init(Self::begin).clone()
    }

    /// The signal that should terminate the process, if one arrived.
    pub fn signal(&self) -> Option<i32> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal as i32),
        }
    }
}

/// Terminates the process by the signal's default action.
pub fn kill_by_signal(signal: i32) {
    let _ = low_level::emulate_default_handler(signal);
}
