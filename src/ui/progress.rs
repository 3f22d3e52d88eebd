//! How far something long has come: a bar on standard error, if that is a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Ui;
use crate::process;

/// What talks while it goes on shows how far it is only if it takes longer than this.
const DELAY: Duration = Duration::from_secs(1);

/// A bar that is gone when this is dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Ui {
    /// Begins to show how much of `count` is done; to nobody without a terminal.
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

    /// Begins to count the parts of something that may take long, and that is talked about
    /// meanwhile: what is said stands above the bar.
    pub fn begin_parts(&mut self, count: usize) {
        let hidden = ProgressDrawTarget::hidden();
        let bar = ProgressBar::with_draw_target(Some(count as u64), hidden);
        self.bar = Some(bar.with_style(style()));
    }

    /// Says which part is begun.
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

    /// The part that was begun is over.
    pub fn finish_part(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Takes the bar off the screen.
    pub fn end_parts(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Whether standard error is a terminal on which a line can be written over.
fn can_show() -> bool {
    io::stderr().is_terminal() && !process::is_dumb_terminal()
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
