//! The automatic rotation of one key.

use std::path::Path;
use std::time::Duration;

use crate::context::{Context, is_ahead};
use crate::delivery::automatic::after;
use crate::delivery::automatic::lock::lock;
use crate::delivery::automatic::place::{RotationPlace, expect_there, interrupted};
use crate::delivery::automatic::report::RotationReport;
use crate::delivery::automatic::situation::Situation;
use crate::delivery::automatic::terms::RotationTerms;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::LockAttempt;
use crate::key::{KeyName, Tail, redact_secrets};
use crate::process::DeferredSignals;
use crate::rotation::{HoldReason, KeyUsability, RotationProgress, RotationState, RotationStep};
use crate::vault::{AutomaticRotation, HeldRotation, Vault};

/// How many steps a run does at most: begin again after an interruption, and what follows.
const MAX_STEPS: usize = 8;

/// The automatic rotation of one key.
pub struct KeyRotation<'a> {
    pub(super) context: &'a Context,
    pub(super) vault: &'a mut Vault,
    terms: RotationTerms,
    place: Option<RotationPlace>,
    /// A secret in the destination that never became valid.
    pub(super) leftover: Option<Tail>,
    /// The exit status of writing exports.
    exports: ExitStatus,
}

impl<'a> KeyRotation<'a> {
    /// That of a key with these terms and this destination.
    pub fn new(
        terms: RotationTerms,
        place: Option<RotationPlace>,
        vault: &'a mut Vault,
        context: &'a Context,
    ) -> Self {
        Self {
            context,
            vault,
            terms,
            place,
            leftover: None,
            exports: ExitStatus::Done,
        }
    }

    /// What the next run would do first; `None` if there is nothing to do.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn plan(&self, name: &KeyName) -> Result<Option<RotationReport>, Error> {
        let Situation {
            record,
            rotation,
            old_address,
            facts,
        } = self.situation(name)?;
        let step = facts.next_step(Context::clock());
        let report = RotationReport::new(record, rotation, RotationState::Planned);
        Ok(match step {
            RotationStep::Nothing => None,
            step if step.is_idle() => Some(report.at(step, old_address, self.terms.due_at)),
            step => Some(report.after(&[step])),
        })
    }

    /// Does all steps that can be done now; `None` if there is nothing to do. A step that fails is
    /// in the report, and is tried again by the next run.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn advance(&mut self, name: &KeyName) -> Result<Option<RotationReport>, Error> {
        let record = self.vault.find(name)?;
        let attempt = lock(record.id, self.vault, Duration::ZERO);
        if let Ok(LockAttempt::Busy) = attempt {
            let rotation = self.vault.rotation(record.id)?;
            let report = RotationReport::new(record, rotation, RotationState::Skipped);
            return Ok(Some(report));
        }
        let mut done = Vec::new();
        let mut error = None;
        while error.is_none() && done.len() < MAX_STEPS {
            let situation = self.situation(name)?;
            if self.restart(&situation)? {
                continue;
            }
            let step = situation.facts.next_step(Context::clock());
            self.forget_abort(step, &situation)?;
            if step == RotationStep::Nothing && done.is_empty() {
                return Ok(None);
            }
            if step.is_idle() {
                return self.rest(step, situation, &done).map(Some);
            }
            done.push(step);
            error = self.take(step, &situation).err();
            // Servers that read exports must know a secret before an application uses it.
            self.exports = self.exports.max(self.context.rewrite_exports());
            if DeferredSignals::begin_once().signal().is_some() {
                error.get_or_insert_with(interrupted);
            }
        }
        if let (Some(step), Some(error)) = (done.last(), &error)
            && DeferredSignals::begin_once().signal().is_none()
            && let Err(unstored) = self.note_failure(*step, error, name)
        {
            self.context.report(unstored);
        }
        let Situation {
            record, rotation, ..
        } = self.situation(name)?;
        let report = RotationReport::new(record, rotation, RotationState::Failed);
        let mut report = report.after(&done).failed(error);
        report.exports = self.exports;
        Ok(Some(report))
    }

    /// The report at a step at which there is nothing to do now.
    fn rest(
        &mut self,
        step: RotationStep,
        situation: Situation,
        done: &[RotationStep],
    ) -> Result<RotationReport, Error> {
        let reason = match step {
            RotationStep::Hold { reason, .. } => Some(reason),
            _ => None,
        };
        let address = situation.old_address.clone();
        let detail = address.filter(|_| reason == Some(HoldReason::OldSecretUsed));
        if !matches!(step, RotationStep::NotPossible(_)) {
            self.hold(&situation, reason, detail)?;
        }
        let rotation = self.vault.rotation(situation.record.id)?;
        let mut report = RotationReport::new(situation.record, rotation, RotationState::Waiting);
        report.exports = self.exports;
        Ok(report
            .after(done)
            .at(step, situation.old_address, self.terms.due_at))
    }

    pub(super) fn situation(&self, name: &KeyName) -> Result<Situation, Error> {
        let record = self.vault.find(name)?;
        let (place, now) = (self.place.as_ref(), Context::clock());
        Situation::of(record, &self.terms, place, now, self.vault, self.context)
    }

    /// Stores why a rotation is held, or that it no longer is.
    fn hold(
        &mut self,
        situation: &Situation,
        reason: Option<HoldReason>,
        detail: Option<String>,
    ) -> Result<(), Error> {
        let Some(rotation) = &situation.rotation else {
            return Ok(());
        };
        let before = rotation.held.as_ref();
        let same = before.filter(|held| Some(held.reason) == reason);
        let at = same.map_or_else(Context::clock, |held| held.at);
        let held = reason.map(|reason| HeldRotation { reason, at, detail });
        let mut after = rotation.clone();
        after.held = held;
        self.save(&situation.record, rotation, &after)
    }

    fn take(&mut self, step: RotationStep, situation: &Situation) -> Result<(), Error> {
        let record = &situation.record;
        let place = self.place_of(situation);
        let place = place.as_ref();
        match (step, &situation.rotation, place) {
            (RotationStep::Begin, rotation, Some(place)) => {
                self.begin(record, rotation.as_ref(), place)
            }
            (RotationStep::Resume, Some(rotation), _) => self.resume(record, rotation, place),
            (RotationStep::RunAfter, Some(_), _) => self.run_after(situation),
            (RotationStep::Finish, Some(rotation), _) => {
                expect_there(place, &record.key.tail, record, self.context)?;
                self.finish(record, rotation)
            }
            (RotationStep::Restore, Some(rotation), _) => self.restore(record, rotation, place),
            (RotationStep::Remove, Some(rotation), _) => {
                if let Some(old) = &record.key.retiring {
                    expect_there(place, &old.tail, record, self.context)?;
                }
                self.remove_new(record, rotation)
            }
            (RotationStep::Begin, _, None)
            | (
                RotationStep::Resume
                | RotationStep::RunAfter
                | RotationStep::Finish
                | RotationStep::Restore
                | RotationStep::Remove,
                None,
                _,
            )
            | (
                RotationStep::Nothing
                | RotationStep::NotPossible(_)
                | RotationStep::LeaveToPerson { .. }
                | RotationStep::Wait { .. }
                | RotationStep::Hold { .. },
                ..,
            ) => Ok(()),
        }
    }

    /// Where an open rotation delivers, whatever command began it; where the next one will.
    pub(super) fn place_of(&self, situation: &Situation) -> Option<RotationPlace> {
        let open = situation.rotation.as_ref();
        let open = open.filter(|rotation| rotation.progress != RotationProgress::Aborted);
        match open {
            Some(rotation) => {
                RotationPlace::of(rotation, &situation.record, self.vault, self.context)
            }
            None => self.place.clone(),
        }
    }

    /// Counts from now what was counted while nothing could be used, or from a clock that was ahead.
    fn restart(&mut self, situation: &Situation) -> Result<bool, Error> {
        let now = Context::clock();
        let Some(rotation) = &situation.rotation else {
            return Ok(false);
        };
        let held = rotation.held.as_ref().map(|held| held.reason);
        let was_inactive =
            held == Some(HoldReason::Inactive) && situation.facts.usability == KeyUsability::Usable;
        if !was_inactive && !is_ahead(rotation.since, now) {
            return Ok(false);
        }
        let restarted = AutomaticRotation {
            since: now,
            held: None,
            ..rotation.clone()
        };
        self.save(&situation.record, rotation, &restarted)?;
        Ok(true)
    }

    /// Forgets an aborted rotation that no other follows.
    fn forget_abort(&mut self, step: RotationStep, situation: &Situation) -> Result<(), Error> {
        let is_over = matches!(step, RotationStep::Nothing | RotationStep::NotPossible(_));
        match &situation.rotation {
            Some(rotation) if is_over => self.forget(&situation.record, rotation),
            _ => Ok(()),
        }
    }

    pub(super) fn run_after(&mut self, situation: &Situation) -> Result<(), Error> {
        let Some(rotation) = &situation.rotation else {
            return Ok(());
        };
        let key = &situation.record.key;
        let folder = self.place.as_ref().map(|place| place.folder.as_path());
        let folder = folder.unwrap_or(Path::new(""));
        if let Some(command) = &self.terms.after {
            let ran = after::run(command, folder, key, self.context);
            ran.map_err(|why| Error::new(ExitStatus::No, why))?;
        }
        let mut after = rotation.clone();
        after.after_at = Some(Context::clock());
        after.held = None;
        self.save(&situation.record, rotation, &after)
    }

    /// Stores that a step failed, for `check` and `show`.
    fn note_failure(
        &mut self,
        step: RotationStep,
        error: &Error,
        name: &KeyName,
    ) -> Result<(), Error> {
        let reason = match step {
            RotationStep::Begin | RotationStep::Resume => HoldReason::DeliveryFailed,
            RotationStep::RunAfter => HoldReason::AfterFailed,
            RotationStep::Restore => HoldReason::CannotRestore,
            RotationStep::Finish | RotationStep::Remove => HoldReason::DestinationChanged,
            _ => return Ok(()),
        };
        let situation = self.situation(name)?;
        let is_old = |progress| progress == RotationProgress::Aborted;
        let rotation = situation.rotation.as_ref();
        if rotation.is_some_and(|rotation| is_old(rotation.progress)) {
            return Ok(());
        }
        let detail = redact_secrets(&error.to_string()).to_string();
        self.hold(&situation, Some(reason), Some(detail))
    }
}
