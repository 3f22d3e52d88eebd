//! Progress of long operations: a bar on standard error, if that is a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Ui;
use crate::process;

/// Operations that also print messages show a bar only if they take longer than this.
const DELAY: Duration = Duration::from_secs(1);

/// A progress bar, removed on drop.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Ui {
    /// Shows progress towards `count`, if there is a terminal.
    pub fn progress(&self, doing: &'static str, count: usize) -> Progress {
        let is_shown = !self.is_quiet && can_show();
        let target = match is_shown {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(count as u64), target).with_message(doing);
        bar.set_style(style());
        Progress(bar)
    }

    /// Shows progress through the parts of an operation that also prints messages, above the bar.
    pub fn begin_parts(&mut self, count: usize) {
        let hidden = ProgressDrawTarget::hidden();
        let bar = ProgressBar::with_draw_target(Some(count as u64), hidden);
        self.bar = Some(bar.with_style(style()));
    }

    /// Begins a part with this name.
    pub fn begin_part(&self, part: &str) {
        let is_shown = can_show() && !self.is_quiet;
        let is_shown = is_shown && !self.format.is_for_machines();
        let Some(bar) = &self.bar else {
            return;
        };
        if is_shown && bar.is_hidden() && bar.elapsed() > DELAY {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_message(part.to_owned());
    }

    /// Ends the current part.
    pub fn finish_part(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Removes the bar.
    pub fn end_parts(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Whether standard error is a terminal on which a line can be overwritten.
fn can_show() -> bool {
    io::stderr().is_terminal() && !process::is_dumb_terminal()
}

/// A line with space at its end for the `^C` that a terminal echoes: wrapping would prevent it from
/// being cleared.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} [{bar:25}] {pos} of {len}, {eta} left")
        .expect("the template is well-formed")
        .progress_chars("=> ")
}

impl Progress {
    /// Adds to what is done.
    pub fn advance(&self, by: usize) {
        self.0.inc(by as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
