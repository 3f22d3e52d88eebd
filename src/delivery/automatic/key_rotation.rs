//! The automatic rotation of one key.

use std::path::Path;

use crate::context::Context;
use crate::delivery::automatic::after;
use crate::delivery::automatic::lock::lock;
use crate::delivery::automatic::place::RotationPlace;
use crate::delivery::automatic::report::RotationReport;
use crate::delivery::automatic::situation::Situation;
use crate::delivery::automatic::terms::RotationTerms;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::LockAttempt;
use crate::key::{KeyName, Tail, redact_secrets};
use crate::rotation::{HoldReason, RotationProgress, RotationState, RotationStep};
use crate::vault::{HeldRotation, Vault};

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
        let attempt = lock(record.id, self.vault);
        if let Ok(LockAttempt::Busy) = attempt {
            let rotation = self.vault.rotation(record.id)?;
            let report = RotationReport::new(record, rotation, RotationState::Skipped);
            return Ok(Some(report));
        }
        let mut done = Vec::new();
        let mut error = None;
        while error.is_none() && done.len() < MAX_STEPS {
            let situation = self.situation(name)?;
            let step = situation.facts.next_step(Context::clock());
            if step == RotationStep::Nothing && done.is_empty() {
                return Ok(None);
            }
            if step.is_idle() {
                return self.rest(step, situation, &done).map(Some);
            }
            done.push(step);
            error = self.take(step, &situation).err();
        }
        if let (Some(step), Some(error)) = (done.last(), &error) {
            self.note_failure(*step, error, name)?;
        }
        let Situation {
            record, rotation, ..
        } = self.situation(name)?;
        let mut report = RotationReport::new(record, rotation, RotationState::Failed).after(&done);
        report.error = error;
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
        self.hold(&situation, reason, detail)?;
        let rotation = self.vault.rotation(situation.record.id)?;
        let report = RotationReport::new(situation.record, rotation, RotationState::Waiting);
        Ok(report
            .after(done)
            .at(step, situation.old_address, self.terms.due_at))
    }

    fn situation(&self, name: &KeyName) -> Result<Situation, Error> {
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
        let (record, place) = (&situation.record, self.place.clone());
        let place = place.as_ref();
        match (step, &situation.rotation, place) {
            (RotationStep::Begin, rotation, Some(place)) => {
                self.begin(record, rotation.as_ref(), place)
            }
            (RotationStep::Resume, Some(rotation), _) => self.resume(record, rotation, place),
            (RotationStep::RunAfter, Some(_), _) => self.run_after(situation),
            (RotationStep::Finish, Some(rotation), _) => self.finish(record, rotation),
            (RotationStep::Restore, Some(rotation), _) => self.restore(record, rotation, place),
            (RotationStep::Remove, Some(rotation), _) => self.remove_new(record, rotation),
            _ => Ok(()),
        }
    }

    /// Servers that read exports must know the secret before the application reads it.
    fn run_after(&mut self, situation: &Situation) -> Result<(), Error> {
        self.context.rewrite_exports();
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
