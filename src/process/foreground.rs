//! Runs a program in the foreground until it ends, and passes signals on to it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::errno::Errno;
use nix::libc::SI_KERNEL;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, getsid};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, pidfd_open};
use signal_hook::consts::SIGCHLD;
use signal_hook::flag;

use super::launch::Launch;
use super::signals::is_ignored;

/// The signals that are passed on, unless they are ignored.
const PASSED_ON: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// What shells add to a signal's number in the exit status of a program that it killed.
const KILLED: i32 = 128;

/// Holds signals back until dropped, so that none ends this process: they are a program's.
///
/// Only the calling thread may run.
#[derive(Debug)]
pub struct SignalRelay {
    caught: SignalFd,
    before: SigSet,
}

impl SignalRelay {
    /// Holds signals back from now on.
    ///
    /// # Errors
    /// If the system has no descriptor left.
    pub fn begin() -> io::Result<Self> {
        let passed_on = PASSED_ON.into_iter();
        let held: SigSet = passed_on.filter(|&one| !is_ignored(one as i32)).collect();
        let before = SigSet::thread_get_mask()?;
        held.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        match SignalFd::with_flags(&held, flags) {
            Ok(caught) => Ok(Self { caught, before }),
            Err(error) => {
                before.thread_set_mask()?;
                Err(error.into())
            }
        }
    }

    /// A signal that arrived before there was a program; as an exit status.
    pub fn early(&self) -> Option<u8> {
        let caught = self.caught.read_signal().ok()??;
        Some(status_of_signal(caught.ssi_signo as i32))
    }

    /// Runs a program, waits until it ends, and passes signals on to it meanwhile; returns its exit
    /// status as a shell would.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn run(&self, program: Launch) -> io::Result<u8> {
        // If the caller ignores the end of children, the system would forget its exit status.
        let _ = flag::register(SIGCHLD, Arc::new(AtomicBool::new(false)));
        let child = program.start(&self.before)?;
        if self.wait_for(child).is_err() {
            // Without a way to wait for both, at least the program's end is not missed.
            let _ = self.before.thread_set_mask();
        }
        Ok(shell_status(child)?)
    }

    /// Returns when the child has ended.
    fn wait_for(&self, child: Pid) -> io::Result<()> {
        let process = rustix::process::Pid::from_raw(child.as_raw());
        let process = process.ok_or(Errno::ESRCH)?;
        let ended = pidfd_open(process, PidfdFlags::empty())?;
        loop {
            let mut ready = [
                PollFd::new(&ended, PollFlags::IN),
                PollFd::new(&self.caught, PollFlags::IN),
            ];
            match poll(&mut ready, None) {
                Err(rustix::io::Errno::INTR) => continue,
                polled => polled?,
            };
            if !ready[0].revents().is_empty() {
                return Ok(());
            }
            while let Some(caught) = self.caught.read_signal()? {
                pass_on(&caught, child);
            }
        }
    }
}

impl Drop for SignalRelay {
    fn drop(&mut self) {
        // Those that arrived since were the program's, which has ended.
        while let Ok(Some(_)) = self.caught.read_signal() {}
        let _ = self.before.thread_set_mask();
    }
}

/// Sends a signal to the child, unless it has it already: from the terminal, whose signals go to
/// all processes in the foreground, or since it sent it itself, as `kill 0` does.
fn pass_on(caught: &siginfo, child: Pid) {
    let Ok(signal) = Signal::try_from(caught.ssi_signo as i32) else {
        return;
    };
    let is_from_kernel = caught.ssi_code == SI_KERNEL;
    // When a terminal is gone, only the leader of its session is told.
    let is_only_ours = signal == Signal::SIGHUP && getsid(None) == Ok(getpid());
    let is_from_child = !is_from_kernel && caught.ssi_pid == child.as_raw() as u32;
    if (!is_from_kernel || is_only_ours) && !is_from_child {
        let _ = kill(child, signal);
    }
}

/// The exit status of a child that has ended, as shells give it: 128 and the number of the signal
/// that killed it.
fn shell_status(child: Pid) -> nix::Result<u8> {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code as u8),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(status_of_signal(signal as i32)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

fn status_of_signal(signal: i32) -> u8 {
    (KILLED + signal) as u8
}
