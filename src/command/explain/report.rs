//! The results of `explain`, check by check.

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::ui::{DisplayContext, ExaminedView};

/// The checks so far.
pub(super) struct ExplainReport<'a> {
    pub(super) context: &'a Context,
    pub(super) display: DisplayContext,
    pub(super) points: Vec<ExaminedView>,
}

impl<'a> ExplainReport<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self {
            context,
            display: context.display(),
            points: Vec::new(),
        }
    }

    pub(super) fn ok(&mut self, point: &'static str, message: impl Into<String>) {
        self.points.push(ExaminedView::ok(point, message));
    }

    pub(super) fn fails(
        &mut self,
        point: &'static str,
        message: impl Into<String>,
        fix: impl AsRef<str>,
    ) {
        let fix = fix.as_ref();
        self.points
            .push(ExaminedView::found(point, message, fix, &self.display));
    }

    pub(super) fn show(self) -> Result<ExitStatus, Error> {
        let failed = self.context.ui.examined(&self.points, &self.display)?;
        Ok(match failed {
            0 => ExitStatus::Done,
            _ => ExitStatus::No,
        })
    }
}
