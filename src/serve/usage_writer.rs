//! Records use once a second, on its own thread.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Notice;
use super::app::App;
use crate::process;

/// How often use is recorded.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// The thread that records use.
#[derive(Debug)]
pub(super) struct UsageWriter {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl UsageWriter {
    /// Starts it.
    pub(super) fn start(app: Arc<App>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("recorder".to_owned());
        let thread = thread.spawn(move || record(&app, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Stops it, after it has recorded what it has already taken.
    pub(super) fn end(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

/// Records use, and reports when that fails and when it succeeds again.
fn record(app: &App, stopped: &Receiver<()>) {
    let (mut is_up, mut is_right) = (true, true);
    while stopped.recv_timeout(WRITE_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        app.probe_vault();
        is_right = check_clock(app, is_right);
        app.usage_recorder.forget_idle();
        let recorded = app.usage_recorder.flush(&app.source);
        match &recorded {
            Ok(()) if !is_up => (app.notify)(Notice::UsageRestored),
            Err(error) if is_up => (app.notify)(Notice::UsageLost(error.to_string())),
            _ => {}
        }
        is_up = recorded.is_ok();
        if !is_up {
            app.metrics.lost_records.inc();
        }
    }
}

/// Records expired keys and retired secrets, unless the clock is wrong, which is reported. Returns
/// whether it is right.
fn check_clock(app: &App, was_right: bool) -> bool {
    let clock = process::clock();
    match clock {
        Ok(now) => {
            if !was_right {
                (app.notify)(Notice::ClockCorrected);
            }
            app.ended.note(&app.source, now);
            app.authorizer.store_digests(now);
        }
        Err(wrong) if was_right => (app.notify)(Notice::ClockWrong(wrong.to_string())),
        Err(_) => {}
    }
    clock.is_ok()
}
