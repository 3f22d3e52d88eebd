//! Carries out a plan. A key that fails does not keep others from being created or changed.

use crate::command::apply::new_keys::{self, ApplyRun};
use crate::command::apply::scheme::Scheme;
use crate::context::Context;
use crate::delivery::SecretSupply;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::Key;
use crate::manifest::{ManifestKey, Plan, Step, StepAction};
use crate::process::DeferredSignals;
use crate::ui::{StepOutcome, changes};
use crate::vault::{self, Action, Record, Vault};

/// The outcome of a plan.
pub(super) struct ApplyResult {
    /// Of each step.
    pub(super) outcomes: Vec<StepOutcome>,
    highest: ExitStatus,
    /// The signal that ended it early.
    pub(super) signal: Option<i32>,
}

impl ApplyResult {
    /// The exit status: whatever needs a person is a finding.
    pub(super) fn status(&self, plan: &Plan<'_>) -> ExitStatus {
        let is_found = plan.steps.iter().any(|step| step.finding.is_some());
        match is_found {
            true => self.highest.max(ExitStatus::No),
            false => self.highest,
        }
    }
}

/// Carries out all steps, or those that are complete when a signal arrives: no key is left half
/// created. Deletes nothing unless all other steps succeeded.
pub(super) fn run_all(
    plan: &Plan<'_>,
    scheme: &Scheme<'_>,
    vault: &mut Vault,
    context: &mut Context,
) -> Result<ApplyResult, Error> {
    let is_work = |step: &&Step<'_>| !matches!(step.action, StepAction::Keep { .. });
    let count = plan.steps.iter().filter(is_work).count();
    context.ui.begin_parts(count);
    let signals = DeferredSignals::begin();
    let kinds = plan.steps.iter().filter_map(Step::created);
    let kinds = kinds.map(|wanted| wanted.kind);
    let deleted = plan.deleted().map(|record| record.key.name.clone());
    let work = ApplyRun {
        scheme,
        deleted: deleted.collect(),
        signals,
        supply: SecretSupply::of(kinds, &context.settings.brand)?,
    };
    let mut done = ApplyResult {
        outcomes: Vec::with_capacity(plan.steps.len()),
        highest: ExitStatus::Done,
        signal: None,
    };
    let mut left = &plan.steps[..];
    while !left.is_empty() {
        let (some, later) = left.split_at(new_keys::together(left));
        done.add(some, &work, vault, context);
        left = later;
    }
    context.ui.end_parts();
    done.signal = work.signals.signal();
    if done.signal.is_none() && done.outcomes.contains(&StepOutcome::Left) {
        context
            .ui
            .warn("skipped deletions because an earlier step failed");
    }
    Ok(done)
}

impl ApplyResult {
    /// Carries out steps that belong together, unless a signal has arrived or one they depend on
    /// failed.
    fn add(
        &mut self,
        steps: &[Step<'_>],
        work: &ApplyRun<'_>,
        vault: &mut Vault,
        context: &Context,
    ) {
        let Some(first) = steps.first() else {
            return;
        };
        let is_left = work.signals.signal().is_some()
            || matches!(first.action, StepAction::Delete(_)) && self.highest != ExitStatus::Done;
        let results = match &first.action {
            StepAction::Keep { .. } => return self.outcomes.push(StepOutcome::Kept),
            _ if is_left => {
                return self
                    .outcomes
                    .extend(steps.iter().map(|_| StepOutcome::Left));
            }
            StepAction::Create(_) => new_keys::create(steps, work, vault, context),
            _ => vec![run_step(first, vault, context)],
        };
        for (step, result) in steps.iter().zip(results) {
            let outcome = self.note(step, result, context);
            self.outcomes.push(outcome);
        }
    }

    fn note(
        &mut self,
        step: &Step<'_>,
        result: Result<(), Error>,
        context: &Context,
    ) -> StepOutcome {
        let Err(error) = result else {
            return StepOutcome::Done;
        };
        let error = error.about(format_args!("`{}`", step.name()));
        let error = match error.hint() {
            Some(_) => error,
            None => error.with_hint("fix this and run `postkey apply` again; it resumes"),
        };
        context.ui.error(&error);
        self.highest = self.highest.max(error.exit_status());
        StepOutcome::Failed
    }
}

fn run_step(step: &Step<'_>, vault: &mut Vault, context: &Context) -> Result<(), Error> {
    context.ui.begin_part(step.name().as_str());
    let done = match &step.action {
        StepAction::Change {
            wanted,
            before,
            after,
            ..
        } => change(wanted, before, after, vault, context),
        StepAction::Delete(record) => delete(record, vault, context),
        StepAction::Create(_) | StepAction::Keep { .. } => Ok(()),
    };
    context.ui.finish_part();
    done
}

/// Changes a key, provided it is still what the plan saw.
fn change(
    wanted: &ManifestKey,
    before: &Record,
    after: &Key,
    vault: &mut Vault,
    context: &Context,
) -> Result<(), Error> {
    let (fields, now) = vault.change(&context.author(Action::Apply), |change| {
        let found = change.expect(before)?;
        // Only fields that the manifest changes are compared: the old secret may have retired
        // since.
        let after = Key {
            retiring: after.retiring.clone().and(found.key.retiring.clone()),
            ..after.clone()
        };
        let expired_at = found.key.expired_at;
        let is_same_end = after.expires_at == found.key.expires_at;
        let after = Key {
            expired_at: expired_at.filter(|_| is_same_end),
            ..after.expiring(after.expires_at)
        };
        let policy = change.policy(found.id)?.changed(&wanted.policy);
        let fields = change.save_with_policy(&found, &after, &policy)?;
        Ok::<_, vault::Error>((fields, change.now()))
    })?;
    let changed = changes(&fields, &context.display_at(now));
    context.ui.note(format!("`{}`: {changed}", before.key.name));
    Ok(())
}

fn delete(seen: &Record, vault: &mut Vault, context: &Context) -> Result<(), Error> {
    vault.change(&context.author(Action::Apply), |change| {
        let found = change.expect_unedited(seen)?;
        change.delete(&found)
    })?;
    context.ui.note(format!("`{}` is deleted", seen.key.name));
    Ok(())
}
