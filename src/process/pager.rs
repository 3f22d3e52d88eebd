//! Shows long output in a pager on a terminal.

use std::env;
use std::io::{self, IsTerminal};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use nix::unistd;

use super::{DeferredSignals, kill_by_signal};

/// Options for `less`: pass colors through, and exit if everything fits on one screen (as in git).
const LESS_OPTIONS: &str = "FRX";

/// A pager that reads standard output until dropped.
///
/// Signals from the terminal are the pager's, too; this process must outlive it, or the shell and
/// the pager would both read the terminal.
#[derive(Debug)]
pub struct Pager {
    child: Child,
    terminal: OwnedFd,
    deferred: DeferredSignals,
}

impl Pager {
    /// Starts `$PAGER` for standard output, if that is a terminal and the variable is set.
    /// Properties of the terminal, such as its width, must be read before.
    ///
    /// If it cannot be started, output goes to the terminal directly.
    pub fn start() -> Option<Self> {
        let command = env::var("PAGER").ok()?;
        let is_wanted = !command.trim().is_empty() && io::stdout().is_terminal();
        is_wanted.then(|| Self::run(&command).ok())?
    }

    fn run(command: &str) -> io::Result<Self> {
        let terminal = unistd::dup(io::stdout())?;
        let mut pager = Command::new("sh");
        pager.args(["-c", command]).stdin(Stdio::piped());
        if env::var_os("LESS").is_none() {
            pager.env("LESS", LESS_OPTIONS);
        }
        let deferred = DeferredSignals::begin();
        let mut child = pager.spawn()?;
        let pipe = child.stdin.take().expect("its standard input is a pipe");
        unistd::dup2_stdout(pipe)?;
        Ok(Self {
            child,
            terminal,
            deferred,
        })
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        // Closes the last writer of the pipe, and waits until the pager has exited.
        let _ = unistd::dup2_stdout(&self.terminal);
        let _ = self.child.wait();
        if let Some(signal) = self.deferred.signal() {
            kill_by_signal(signal);
        }
    }
}
