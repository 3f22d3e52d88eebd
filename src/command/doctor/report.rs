//! The results of `doctor`.

use jiff::Timestamp;

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::ui::{DisplayContext, ExaminedView, counted};
use crate::vault;

/// The results so far.
pub(super) struct DoctorReport<'a> {
    pub(super) context: &'a Context,
    pub(super) display: DisplayContext,
    pub(super) views: Vec<ExaminedView>,
}

impl<'a> DoctorReport<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self {
            context,
            display: context.display(),
            views: Vec::new(),
        }
    }

    pub(super) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.views.push(ExaminedView::ok(check, message));
    }

    pub(super) fn found(
        &mut self,
        check: &'static str,
        message: impl Into<String>,
        fix: impl AsRef<str>,
    ) {
        let fix = fix.as_ref();
        self.views
            .push(ExaminedView::found(check, message, fix, &self.display));
    }

    /// Adds an error of the vault as a finding, with the hint that every command gives.
    pub(super) fn fault(&mut self, check: &'static str, error: vault::Error) {
        let error = self.context.diagnosed(error.into());
        let hint = error.hint().unwrap_or("check the system log");
        self.found(check, error.to_string(), hint);
    }

    /// How long ago something was; for programs, its time.
    pub(super) fn when(&self, moment: Timestamp) -> String {
        match self.context.ui.format.is_for_machines() {
            true => moment.to_string(),
            false => self.display.distance(moment),
        }
    }

    /// Adds the message of a success, or the error as a finding.
    pub(super) fn outcome(&mut self, check: &'static str, outcome: Result<String, vault::Error>) {
        match outcome {
            Ok(message) => self.ok(check, message),
            Err(error) => self.fault(check, error),
        }
    }

    pub(super) fn show(self) -> Result<ExitStatus, Error> {
        let found = self.context.ui.examined(&self.views, &self.display)?;
        if found == 0 {
            self.context.ui.note("no problems found");
            return Ok(ExitStatus::Done);
        }
        let found = counted(found as i64, "finding", "findings");
        self.context.ui.note(found);
        Ok(ExitStatus::No)
    }
}
