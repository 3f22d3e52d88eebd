//! How far something long has come: a bar on standard error, if that is a terminal.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Ui;

/// A bar that is gone when this is dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Ui {
    /// Begins to show how much of `count` is done; to nobody without a terminal.
    pub fn progress(&self, doing: &'static str, count: usize) -> Progress {
        let is_shown = !self.is_quiet && io::stderr().is_terminal();
        let target = match is_shown {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(count as u64), target).with_message(doing);
        bar.set_style(style());
        Progress(bar)
    }
}

/// A line that leaves room at its end for the `^C` that a terminal shows: what would begin the
/// next line would keep this one from being cleared.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} [{bar:25}] {pos} of {len}, {eta} left")
        .expect("the template is well-formed")
        .progress_chars("=> ")
}

impl Progress {
    /// So many more are done.
    pub fn advance(&self, by: usize) {
        self.0.inc(by as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
