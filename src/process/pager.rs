//! The pager: what is long is read in it, on a terminal.

use std::env;
use std::io::{self, IsTerminal};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use nix::unistd;

use super::{DeferredSignals, kill_by_signal};

/// How `less` passes colors on, and ends where all fits one screen (as git has it).
const LESS_OPTIONS: &str = "FRX";

/// A pager that reads standard output until this is dropped.
///
/// A signal from the terminal is the pager's, too; this process must outlive it, or the shell
/// and the pager would read the same terminal.
#[derive(Debug)]
pub struct Pager {
    child: Child,
    terminal: OwnedFd,
    deferred: DeferredSignals,
}

impl Pager {
    /// Lets `$PAGER` read standard output, if that is a terminal and the variable is set. What
    /// depends on the terminal, such as its width, must be known before.
    ///
    /// Where it cannot be started, the output goes to the terminal as without it.
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
        // Nothing else holds the pipe: the pager has read it to its end.
        let _ = unistd::dup2_stdout(&self.terminal);
        let _ = self.child.wait();
        if let Some(signal) = self.deferred.signal() {
            kill_by_signal(signal);
        }
    }
}
