//! What a run did for a key.

use jiff::Timestamp;

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::redact_secrets;
use crate::rotation::{HoldReason, RotationObstacle, RotationState, RotationStep};
use crate::ui::RotationDetails;
use crate::vault::{AutomaticRotation, Record};

/// What a run did for a key.
#[derive(Debug)]
pub struct RotationReport {
    /// The key as it is now.
    pub record: Record,
    rotation: Option<AutomaticRotation>,
    /// What was done; in a dry run, what would be done next.
    pub(super) done: Vec<RotationStep>,
    /// Where it stands.
    pub state: RotationState,
    held: Option<HoldReason>,
    /// The address that still uses the old secret.
    address: Option<String>,
    obstacle: Option<RotationObstacle>,
    due_at: Option<Timestamp>,
    next_at: Option<Timestamp>,
    /// Why a step failed, until that is reported.
    pub(super) error: Option<Error>,
    /// The same as text.
    failure: Option<String>,
    /// The exit status of writing exports.
    pub(super) exports: ExitStatus,
}

impl RotationReport {
    /// Nothing was done yet.
    pub(super) fn new(
        record: Record,
        rotation: Option<AutomaticRotation>,
        state: RotationState,
    ) -> Self {
        let held = rotation
            .as_ref()
            .and_then(|rotation| rotation.held.as_ref());
        Self {
            held: held.map(|held| held.reason),
            record,
            rotation,
            done: Vec::new(),
            state,
            address: None,
            obstacle: None,
            due_at: None,
            next_at: None,
            error: None,
            failure: None,
            exports: ExitStatus::Done,
        }
    }

    /// After these steps.
    pub(super) fn after(self, done: &[RotationStep]) -> Self {
        Self {
            done: done.to_vec(),
            ..self
        }
    }

    /// The same, with a step at which there is nothing to do now.
    pub(super) fn at(
        self,
        step: RotationStep,
        address: Option<String>,
        due_at: Option<Timestamp>,
    ) -> Self {
        let last = self.done.last();
        let mut report = Self {
            state: match (step, last) {
                (_, Some(RotationStep::Remove)) => RotationState::Aborted,
                (_, Some(RotationStep::Finish)) => RotationState::Finished,
                (RotationStep::Hold { .. }, _) => RotationState::Held,
                (RotationStep::NotPossible(_), _) => RotationState::NotPossible,
                _ => RotationState::Waiting,
            },
            ..self
        };
        match step {
            RotationStep::Hold { reason, until } => {
                report.held = Some(reason);
                report.address = address.filter(|_| reason == HoldReason::OldSecretUsed);
                report.next_at = until;
            }
            RotationStep::NotPossible(obstacle) => {
                report.obstacle = Some(obstacle);
                report.due_at = due_at;
            }
            RotationStep::Wait { until } | RotationStep::LeaveToPerson { until } => {
                report.next_at = Some(until);
            }
            _ => {}
        }
        report
    }

    /// After a step failed.
    pub(super) fn failed(self, error: Option<Error>) -> Self {
        let failure = error
            .as_ref()
            .map(|error| redact_secrets(&error.to_string()).to_string());
        Self {
            error,
            failure,
            ..self
        }
    }

    /// Whether the run did anything, or a person must do something.
    pub fn is_notable(&self) -> bool {
        !self.done.is_empty() || self.status() != ExitStatus::Done
    }

    /// The exit status: what needs a person is a negative answer.
    pub fn status(&self) -> ExitStatus {
        let own = match (&self.error, self.state) {
            (Some(error), _) => error.exit_status(),
            (
                None,
                RotationState::Held
                | RotationState::NotPossible
                | RotationState::Aborted
                | RotationState::Failed,
            ) => ExitStatus::No,
            (None, _) => ExitStatus::Done,
        };
        own.max(self.exports)
    }

    /// For output.
    pub fn details(&self) -> RotationDetails<'_> {
        let rotation = self.rotation.as_ref();
        let held = rotation.and_then(|rotation| rotation.held.as_ref());
        let error = held.and_then(|held| held.detail.as_deref());
        RotationDetails {
            key: &self.record.key,
            rotation,
            state: self.state,
            step: self.done.last().copied(),
            held: self.held,
            address: self.address.as_deref(),
            detail: self
                .failure
                .as_deref()
                .or(error.filter(|_| self.address.is_none())),
            obstacle: self.obstacle,
            since: held
                .map(|held| held.at)
                .or(rotation.map(|rotation| rotation.since))
                .or(self.due_at),
            next_at: self.next_at,
        }
    }
}
