//! Restores the terminal after a prompt, however it ends.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};

use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag::register_conditional_default;
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

use crate::process;

/// Disables a control character of the terminal (Linux, `_POSIX_VDISABLE`).
const DISABLED: u8 = 0;

/// Signals that terminate a process.
const SIGNALS: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Makes the cursor visible (DECTCEM).
const SHOW_CURSOR: &[u8] = b"\x1b[?25h";

/// Guards the terminal while a prompt hides the echo or the cursor.
///
/// Defers termination by signals until the terminal is restored. The process has a second thread
/// only while this exists.
#[derive(Debug)]
pub(super) struct Guard {
    before: Option<Termios>,
    watch: Option<(Handle, JoinHandle<()>)>,
}

/// Whether signals terminate the process directly: always, except while a guard restores the
/// terminal first. (signal-hook never restores a signal's default action.)
static DEFAULT_SIGNALS: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| {
    let is_unguarded = Arc::new(AtomicBool::new(true));
    for signal in SIGNALS {
        let _ = register_conditional_default(signal, Arc::clone(&is_unguarded));
    }
    is_unguarded
});

impl Guard {
    pub(super) fn new() -> io::Result<Self> {
        DEFAULT_SIGNALS.store(false, Ordering::SeqCst);
        let before = tcgetattr(io::stdin()).ok();
        let mut signals = Signals::new(SIGNALS)?;
        let handle = signals.handle();
        let state = before.clone().map(nix::libc::termios::from);
        let thread = thread::Builder::new().spawn(move || {
            let first = signals.forever().next();
            // An interrupted prompt may have dropped the guard before the signal was handled, and
            // `console` raises another SIGINT for every interrupted read.
            let caught = first.into_iter().chain(signals.pending());
            if let Some(signal) = caught.max_by_key(|&signal| signal != SIGINT) {
                // A half-typed secret must not be left to the shell.
                restore(state.map(Termios::from).as_ref(), SetArg::TCSAFLUSH);
                let _ = emulate_default_handler(signal);
            }
        })?;
        Ok(Self {
            before,
            watch: Some((handle, thread)),
        })
    }

    /// The same with the echo off, before the prompt, so that the first keys are not shown.
    pub(super) fn without_echo() -> io::Result<Self> {
        let guard = Self::new()?;
        if let Some(mut state) = guard.before.clone() {
            state.local_flags.remove(LocalFlags::ECHO);
            // Ctrl-Z would return to the shell, which restores the terminal with the echo on.
            state.control_chars[SpecialCharacterIndices::VSUSP as usize] = DISABLED;
            tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &state)?;
        }
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore(self.before.as_ref(), SetArg::TCSANOW);
        if let Some((handle, thread)) = self.watch.take() {
            handle.close();
            let _ = thread.join();
        }
        DEFAULT_SIGNALS.store(true, Ordering::SeqCst);
    }
}

fn restore(before: Option<&Termios>, when: SetArg) {
    if let Some(before) = before {
        let _ = tcsetattr(io::stdin(), when, before);
    }
    if !process::is_dumb_terminal() {
        let _ = io::stderr().write_all(SHOW_CURSOR);
    }
}
