//! Recording use once a second, on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Notice;
use super::http::Desk;
use crate::process;

/// How often use is recorded.
const RECORDED_EVERY: Duration = Duration::from_secs(1);

/// The thread that records use.
#[derive(Debug)]
pub(super) struct Recorder {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Recorder {
    /// Starts it.
    ///
    /// # Errors
    /// If the system starts no more threads.
    pub(super) fn start(desk: Arc<Desk>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("recorder".to_owned());
        let thread = thread.spawn(move || record(&desk, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Ends it. What it is about to record has been taken out of what is counted: that is
    /// waited for.
    pub(super) fn end(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

/// Records use, and tells when that fails and when it succeeds again.
fn record(desk: &Desk, stopped: &Receiver<()>) {
    let (mut is_up, mut is_right) = (true, true);
    while stopped.recv_timeout(RECORDED_EVERY) == Err(RecvTimeoutError::Timeout) {
        desk.look_again();
        is_right = tell_of_clock(desk, is_right);
        desk.meter.forget_idle();
        let recorded = desk.meter.flush(&desk.source);
        match &recorded {
            Ok(()) if !is_up => (desk.tell)(Notice::UsageBack),
            Err(error) if is_up => (desk.tell)(Notice::UsageLost(error.to_string())),
            _ => {}
        }
        is_up = recorded.is_ok();
        if !is_up {
            desk.metrics.lost_records.inc();
        }
    }
}

/// Notes what has ended by the clock, unless that is wrong, which is told. Whether it is right.
fn tell_of_clock(desk: &Desk, was_right: bool) -> bool {
    let clock = process::clock();
    match clock {
        Ok(now) => {
            if !was_right {
                (desk.tell)(Notice::ClockBack);
            }
            desk.ended.note(&desk.source, now);
            desk.gate.keep_digests(now);
        }
        Err(wrong) if was_right => (desk.tell)(Notice::ClockWrong(wrong.to_string())),
        Err(_) => {}
    }
    clock.is_ok()
}
