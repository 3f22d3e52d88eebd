//! A run that continues the rotations of several keys.

use crate::context::Context;
use crate::context::dry_run::DryRun;
use crate::delivery::automatic::key_rotation::KeyRotation;
use crate::delivery::automatic::place::RotationPlace;
use crate::delivery::automatic::report::RotationReport;
use crate::delivery::automatic::terms::RotationTerms;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::KeyName;
use crate::process::{DeferredSignals, kill_by_signal};
use crate::ui::{RotationView, counted};
use crate::vault::Vault;

/// A run that continues the rotations of several keys. A first signal lets it end after the step in
/// progress, a second one at once.
pub struct RotationRun {
    dry_run: DryRun,
    signals: DeferredSignals,
    reports: Vec<RotationReport>,
    keys: usize,
}

impl RotationRun {
    /// Begins a run.
    pub fn begin(dry_run: DryRun) -> Self {
        Self {
            dry_run,
            signals: DeferredSignals::begin_once(),
            reports: Vec::new(),
            keys: 0,
        }
    }

    /// Continues the rotation of a key, or begins it if it is due; in a dry run, only finds out what
    /// is next.
    ///
    /// # Errors
    /// If the vault cannot be read. Other failures are reported, and are in the exit status.
    pub fn take(
        &mut self,
        name: &KeyName,
        terms: RotationTerms,
        place: Option<RotationPlace>,
        vault: &mut Vault,
        context: &Context,
    ) -> Result<ExitStatus, Error> {
        self.keys += 1;
        if self.signals.signal().is_some() {
            return Ok(ExitStatus::Done);
        }
        let mut rotation = KeyRotation::new(terms, place, vault, context);
        let report = match self.dry_run.is_dry_run {
            true => rotation.plan(name)?,
            false => rotation.advance(name)?,
        };
        let Some(mut report) = report else {
            return Ok(ExitStatus::Done);
        };
        let status = report.status();
        if let Some(error) = report.error.take() {
            context.report(error.about(format_args!("`{name}`")));
        }
        self.reports.push(report);
        Ok(status)
    }

    /// Counts keys for which there is nothing to do.
    pub fn skip(&mut self, keys: usize) {
        self.keys += keys;
    }

    /// Prints what was done; with --quiet, not what only waits.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn finish(self, context: &Context) -> Result<(), Error> {
        let display = context.display();
        let is_quiet = context.ui.is_quiet && !context.ui.format.is_for_machines();
        let mut listing = context.ui.listing(&display);
        for report in &self.reports {
            if !is_quiet || report.is_notable() {
                listing.push(&RotationView::new(report.details(), &display))?;
            }
        }
        listing.finish::<RotationView<'_>>()?;
        if self.reports.is_empty() {
            let keys = counted(self.keys as i128, "key", "keys");
            context
                .ui
                .note(format!("no rotation is due: {keys} checked"));
        }
        context.note_dry_run(self.dry_run);
        if let Some(signal) = self.signals.signal() {
            context.rewrite_exports();
            kill_by_signal(signal);
        }
        Ok(())
    }
}
