//! An automatic rotation, and what a run did for it.

use jiff::Timestamp;
use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::text;
use crate::key::{Key, Retiring, quoted};
use crate::rotation::{
    HoldReason, RotationObstacle, RotationProgress, RotationState, RotationStep,
};
use crate::ui::DisplayContext;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;
use crate::vault::AutomaticRotation;

/// What is known of a key's rotation after a run.
#[derive(Clone, Copy, Debug)]
pub struct RotationDetails<'a> {
    /// The key.
    pub key: &'a Key,
    /// The state of its rotation, if it has one.
    pub rotation: Option<&'a AutomaticRotation>,
    /// Where it stands.
    pub state: RotationState,
    /// What was done, or in a dry run would be done, last.
    pub step: Option<RotationStep>,
    /// Why it is held.
    pub held: Option<HoldReason>,
    /// The address that still uses the old secret.
    pub address: Option<&'a str>,
    /// An error.
    pub detail: Option<&'a str>,
    /// Why it did not begin.
    pub obstacle: Option<RotationObstacle>,
    /// Since when it has been so.
    pub since: Option<Timestamp>,
    /// When something happens next.
    pub next_at: Option<Timestamp>,
}

/// A line of `rotate --due`.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct RotationView<'a> {
    name: &'a str,
    kind: &'static str,
    state: &'static str,
    step: Option<&'static str>,
    reason: Option<&'static str>,
    #[serde(serialize_with = "text")]
    since: Option<Timestamp>,
    #[serde(serialize_with = "text")]
    next_at: Option<Timestamp>,
    tail: Option<&'a str>,
    old_tail: Option<&'a str>,
    destination: Option<&'a str>,
    address: Option<&'a str>,
    message: String,
    hint: Option<String>,
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    details: RotationDetails<'a>,
}

impl<'a> RotationView<'a> {
    /// Describes the rotation.
    pub fn new(details: RotationDetails<'a>, display: &DisplayContext) -> Self {
        let key = details.key;
        let reason = details.held.map(<&str>::from);
        let obstacle = details.obstacle.map(<&str>::from);
        let old = key.retiring_at(display.now);
        Self {
            name: key.name.as_str(),
            kind: key.kind().into_str(),
            state: details.state.into_str(),
            step: details.step.map(<&str>::from),
            reason: reason.or(obstacle),
            since: details.since,
            next_at: details.next_at,
            tail: key.tail.known(),
            old_tail: old.and_then(|old| old.tail.known()),
            destination: details
                .rotation
                .and_then(|rotation| rotation.destination.as_deref()),
            address: details.address,
            message: details.message(display, |moment| moment.to_string()),
            hint: details.hint().map(|hint| display.command(&hint)),
            details,
        }
    }
}

impl Item for RotationView<'_> {}

impl Row for RotationView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::wrapped("NAME", 1),
        Column::fixed("STATE"),
        Column::wrapped("WHAT", 2),
        Column::fixed("COMMAND"),
    ];

    fn cells(&self, display: &DisplayContext) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.state.to_owned(),
            self.details
                .message(display, |moment| display.distance(moment)),
            self.hint.clone().unwrap_or_default(),
        ]
    }
}

impl RotationDetails<'_> {
    fn message(&self, display: &DisplayContext, when: impl Fn(Timestamp) -> String) -> String {
        let new = || display.tail(&self.key.tail);
        let next = self.next_at.map(&when).unwrap_or_default();
        match self.state {
            RotationState::Finished => format!("only the new secret, {}, works", new()),
            RotationState::Aborted => format!(
                "the new secret was never used: {} has the old one again; next attempt {next}",
                self.place()
            ),
            RotationState::Held => self.held_because(),
            RotationState::NotPossible => match self.obstacle {
                Some(obstacle) => format!("its rotation is due, but it {}", obstacle.describe()),
                None => "its rotation is due".to_owned(),
            },
            RotationState::Failed => match self.detail {
                Some(detail) => format!("will be tried again: {detail}"),
                None => "will be tried again".to_owned(),
            },
            RotationState::Planned => self.planned().to_owned(),
            RotationState::Skipped => "another process continues it".to_owned(),
            RotationState::Waiting => match (self.step, self.rotation) {
                (_, None) => format!("rotated by hand; the old secret retires {next}"),
                (_, Some(rotation)) if rotation.progress == RotationProgress::Restored => format!(
                    "{} has the old secret again; the new one is removed {next}",
                    self.place()
                ),
                (Some(_), Some(_)) => format!(
                    "the new secret, {}, is in {}; next step {next}",
                    new(),
                    self.place()
                ),
                (None, Some(_)) => format!("both secrets work; next step {next}"),
            },
        }
    }

    fn place(&self) -> String {
        let place = self
            .rotation
            .and_then(|rotation| rotation.destination.as_deref());
        place.map_or_else(|| "its destination".to_owned(), quoted)
    }

    fn held_because(&self) -> String {
        let why = self.held.map_or("held", HoldReason::describe);
        match self.address.or(self.detail) {
            Some(more) if self.address.is_some() => format!("{why} by {more}"),
            Some(more) => format!("{why}: {more}"),
            None => why.to_owned(),
        }
    }

    /// What would be done.
    fn planned(&self) -> &'static str {
        match self.step {
            Some(RotationStep::Begin) => "a new secret would be delivered",
            Some(RotationStep::Resume) => "an interrupted delivery would be continued",
            Some(RotationStep::RunAfter) => "the command after the delivery would run",
            Some(RotationStep::Finish) => "the old secret would be retired",
            Some(RotationStep::Restore) => "the old secret would be delivered again",
            Some(RotationStep::Remove) => "the new secret would be removed",
            _ => "nothing would be done",
        }
    }

    /// The command that shows more, or with which a person continues.
    fn hint(&self) -> Option<String> {
        let name = &self.key.name;
        match self.state {
            RotationState::Held | RotationState::Failed | RotationState::Aborted => {
                Some(format!("show {name}"))
            }
            RotationState::NotPossible => Some(match self.obstacle {
                Some(RotationObstacle::Inactive) => format!("set {name} --rotate-every never"),
                Some(RotationObstacle::DefaultKey) => format!("regenerate {name}"),
                Some(RotationObstacle::RetiredEarly) => {
                    format!("doctor --accept-clock --confirm {name}")
                }
                Some(
                    RotationObstacle::NoDestination
                    | RotationObstacle::UnknownDestination
                    | RotationObstacle::OnlyCommand,
                ) => {
                    format!("rotate {name} --to DESTINATION")
                }
                _ => format!("show {name}"),
            }),
            _ => None,
        }
    }
}

/// The state of an automatic rotation.
#[derive(Debug, Serialize)]
pub(super) struct RotationProgressView<'a> {
    progress: &'static str,
    #[serde(serialize_with = "text")]
    since: Option<Timestamp>,
    destination: Option<&'a str>,
    held: Option<&'static str>,
    #[serde(serialize_with = "text")]
    held_since: Option<Timestamp>,
    detail: Option<&'a str>,
    #[serde(skip)]
    rotation: &'a AutomaticRotation,
}

impl<'a> RotationProgressView<'a> {
    pub(super) fn new(rotation: &'a AutomaticRotation) -> Self {
        let held = rotation.held.as_ref();
        Self {
            progress: rotation.progress.into_str(),
            since: Some(rotation.since),
            destination: rotation.destination.as_deref(),
            held: held.map(|held| held.reason.into_str()),
            held_since: held.map(|held| held.at),
            detail: held.and_then(|held| held.detail.as_deref()),
            rotation,
        }
    }

    /// The same for people.
    pub(super) fn lines(&self, display: &DisplayContext) -> Vec<String> {
        let since = display.moment_and_distance(self.rotation.since);
        let place = self.destination.map(quoted);
        let place = place.unwrap_or_else(|| "its destination".to_owned());
        let mut lines = vec![match self.rotation.progress {
            RotationProgress::Begun => {
                format!("automatic: begun {since}; {place} may have the new secret already")
            }
            RotationProgress::Delivered => format!("automatic: delivered to {place} {since}"),
            RotationProgress::Restoring | RotationProgress::Restored => {
                format!("automatic: being aborted since {since}; {place} gets the old secret again")
            }
            RotationProgress::Aborted => {
                format!("automatic: aborted {since}; {place} has the old secret again")
            }
        }];
        lines.extend(self.rotation.held.as_ref().map(|held| {
            let detail = held.detail.as_deref();
            let detail = detail.map(|detail| format!(" ({detail})"));
            format!(
                "held since {}: {}{}",
                display.moment_and_distance(held.at),
                held.reason.describe(),
                detail.unwrap_or_default()
            )
        }));
        lines.push("next: `postkey rotate --due` continues it".to_owned());
        lines
    }
}

/// The old secret during an automatic rotation.
pub(super) fn old_secret(old: &Retiring, display: &DisplayContext) -> String {
    format!(
        "{}, works until the rotation is finished, at most until {}",
        display.tail_phrase(&old.tail),
        display.date(old.until)
    )
}
