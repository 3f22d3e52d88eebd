//! A step of a plan.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;
use strum::IntoStaticStr;

use super::entry::{changes, describe_changes};
use super::text;
use crate::check::{HeldSecret, other_login};
use crate::destination::DestinationSpec;
use crate::files::shell_word;
use crate::key::{EffectiveStatus, KeyPolicy, KeyVariables, Status};
use crate::manifest::{DestinationContents, ManifestKey, Obstacle, Replaced, Step, StepAction};
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;
use crate::ui::{DisplayContext, replacement_hint};
use crate::vault::{Field, policy_differences};

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum StepOutcome {
    /// Not done yet.
    Planned,
    /// Done.
    Done,
    /// There was nothing to do.
    Kept,
    /// It failed.
    Failed,
    /// It was not attempted, after a failure or a signal.
    Left,
}

/// A step of a plan, with its outcome.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct StepView<'a> {
    name: &'a str,
    kind: &'static str,
    action: &'static str,
    outcome: &'static str,
    status: Option<&'static str>,
    change: Vec<Field>,
    saved_to: Option<String>,
    replaces: Option<String>,
    #[serde(serialize_with = "text")]
    last_used_at: Option<Timestamp>,
    finding: Option<String>,
    hint: Option<String>,
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    step: &'a Step<'a>,
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    used: Option<String>,
}

impl<'a> StepView<'a> {
    /// Describes a step and its outcome.
    pub fn new(step: &'a Step<'a>, outcome: StepOutcome, display: &DisplayContext) -> Self {
        let wanted = step.wanted();
        let finding = step.finding.as_ref().zip(wanted);
        Self {
            name: step.name().as_str(),
            kind: step.kind().into_str(),
            action: step.action.into_str(),
            outcome: outcome.into_str(),
            status: step.effective_status(display.now).map(<&str>::from),
            change: step.changes(),
            saved_to: wanted.map(|wanted| wanted.destination.to_string()),
            replaces: step.replaced.as_ref().map(replaced),
            last_used_at: None,
            finding: finding.map(|(finding, wanted)| message(finding, wanted)),
            hint: finding.map(|(finding, wanted)| {
                display.with_globals(&hint(finding, wanted, step, display))
            }),
            step,
            used: None,
        }
    }

    /// Adds when the key was last used, for programs and for people.
    pub fn with_use(self, last_used_at: Option<Timestamp>, used: String) -> Self {
        Self {
            last_used_at,
            used: Some(used),
            ..self
        }
    }

    /// What needs a person, and how to fix it.
    pub fn finding(&self) -> Option<(&str, &str)> {
        self.finding.as_deref().zip(self.hint.as_deref())
    }

    fn what(&self, display: &DisplayContext) -> String {
        let tail = |step: &Step<'_>| step.record().map(|record| display.tail(&record.key.tail));
        let mut parts = match &self.step.action {
            StepAction::Create(wanted) => created(wanted, display),
            StepAction::Change { .. } => vec![changes(&self.change, display)],
            StepAction::Keep { .. } => Vec::new(),
            StepAction::Delete(_) => [tail(self.step), self.used.clone()]
                .into_iter()
                .flatten()
                .collect(),
        };
        let replaces = self.replaces.as_ref();
        parts.extend(replaces.map(|replaced| format!("replacing {replaced}")));
        let is_told = matches!(
            self.step.action,
            StepAction::Keep { .. } | StepAction::Change { .. }
        );
        let effective_status = self.step.effective_status(display.now).filter(|_| is_told);
        let effective_status = effective_status
            .filter(|effective_status| *effective_status != EffectiveStatus::Active);
        parts.extend(
            effective_status.map(|effective_status| effective_status.into_str().to_owned()),
        );
        parts.extend(self.finding.clone());
        parts.join(", ")
    }
}

impl Item for StepView<'_> {
    fn cell(&self, field: &str) -> Option<String> {
        (field == "change").then(|| describe_changes(&self.change, |_, value| value.to_owned()))
    }
}

impl Row for StepView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::fixed("PLAN"),
        Column::wrapped("NAME", 2),
        Column::fixed("KIND"),
        Column::wrapped("WHAT", 1),
    ];

    fn cells(&self, display: &DisplayContext) -> Vec<String> {
        let sign = match &self.step.action {
            StepAction::Create(_) => "+ create",
            StepAction::Change { .. } => "~ change",
            StepAction::Keep { .. } => "= keep",
            StepAction::Delete(_) => "- delete",
        };
        vec![
            sign.to_owned(),
            self.name.to_owned(),
            self.kind.to_owned(),
            self.what(display),
        ]
    }
}

/// The properties of a key that is created, and its destination.
fn created(wanted: &ManifestKey, display: &DisplayContext) -> Vec<String> {
    let expires = wanted.expires.map(|expires| expires.resolve(display.now));
    let expires = expires.and_then(Result::ok).flatten();
    let said = [
        wanted
            .username
            .as_ref()
            .map(|name| format!("username {name}")),
        wanted
            .permission
            .as_ref()
            .map(|permission| format!("permission {permission}")),
        wanted.limit.map(|limit| format!("limit {limit}")),
        expires.map(|end| format!("expires {}", display.date(end))),
        wanted
            .labels
            .as_ref()
            .filter(|labels| !labels.are_none())
            .map(|labels| format!("labels {labels}")),
        wanted
            .owner
            .iter()
            .flatten()
            .next()
            .map(|owner| format!("owner {owner}")),
        described_policy(wanted),
        (wanted.status == Status::Inactive).then(|| Status::Inactive.into_str().to_owned()),
        wanted
            .is_decoy
            .then(|| EffectiveStatus::Decoy.into_str().to_owned()),
        Some(format!("secret to {}", wanted.destination)),
    ];
    said.into_iter().flatten().collect()
}

/// The own policy of a key that is created: `rotate_every 30d, grace 48h`
fn described_policy(wanted: &ManifestKey) -> Option<String> {
    let none = KeyPolicy::default();
    let mut fields = policy_differences(&none, &none.changed(&wanted.policy));
    for field in &mut fields {
        field.from = None;
    }
    (!fields.is_empty()).then(|| describe_changes(&fields, |_, value| value.to_owned()))
}

/// What a new secret overwrites.
fn replaced(replaced: &Replaced) -> String {
    match replaced {
        Replaced::Value => "the current value".to_owned(),
        Replaced::SecretOf(name) => format!("the secret of `{name}`"),
        Replaced::Foreign => "a secret that was created elsewhere".to_owned(),
    }
}

/// The finding as the end of a sentence that begins with the key's name.
fn message(finding: &Obstacle, wanted: &ManifestKey) -> String {
    let destination = &wanted.destination;
    match finding {
        Obstacle::Over(end) => format!("according to the manifest, it expired {end}"),
        Obstacle::Place(DestinationContents::Another) => {
            format!("{destination} has another secret")
        }
        Obstacle::Place(DestinationContents::Old(until)) => {
            format!("{destination} has its old secret, which works until {until}")
        }
        Obstacle::Place(DestinationContents::WrongUsername) => {
            format!("{destination} has its secret, but another username")
        }
        Obstacle::Place(DestinationContents::OtherLogin(names)) => {
            let file = destination.file().unwrap_or(Path::new(""));
            format!("`{}` {}", file.display(), other_login(names))
        }
        Obstacle::Place(_) => format!("its secret is not in {destination}"),
        Obstacle::Held(held) => {
            format!(
                "{destination} {}",
                held.describe(|moment| moment.to_string())
            )
        }
        Obstacle::Unclear { why, .. } => {
            format!("cannot tell whether {destination} has its secret: {why}")
        }
    }
}

/// How to fix it.
fn hint(
    finding: &Obstacle,
    wanted: &ManifestKey,
    step: &Step<'_>,
    display: &DisplayContext,
) -> String {
    let name = &wanted.name;
    match finding {
        Obstacle::Over(_) => {
            format!(
                "write a later `expires` in the manifest, or end its use: `postkey deactivate {name}`"
            )
        }
        Obstacle::Unclear { hint, .. } => match hint {
            Some(hint) => hint.clone(),
            None => format!("fix that; `postkey show {name}` shows the expected secret"),
        },
        Obstacle::Place(DestinationContents::WrongUsername) => {
            format!("write the username that `postkey show {name}` shows to the file")
        }
        Obstacle::Place(DestinationContents::OtherLogin(_))
        | Obstacle::Held(HeldSecret::OtherLogin(_)) => {
            let flags = flags(wanted);
            format!("after `postkey apply`, `postkey rotate {name} {flags}` delivers all of them")
        }
        Obstacle::Place(DestinationContents::Old(_)) => format!(
            "write the new secret there, or end it: `postkey rotate --abort {name}` keeps only \
             the old one"
        ),
        Obstacle::Place(_) | Obstacle::Held(_) => {
            let flags = flags(wanted);
            let another = step
                .record()
                .map(|record| replacement_hint(&record.key, &flags, display.now));
            format!("a secret is shown once: {}", another.unwrap_or_default())
        }
    }
}

/// The flags that deliver a new secret to the destination in the manifest.
fn flags(wanted: &ManifestKey) -> String {
    match &wanted.destination {
        DestinationSpec::Env { file, variables } => {
            let KeyVariables { username, secret } = variables.of(&wanted.name, wanted.kind);
            let username = username.as_ref();
            let username = username.map(|name| format!(" --env-username {name}"));
            let username = username.unwrap_or_default();
            format!("--save {} --env-name {secret}{username}", shell_word(file))
        }
        DestinationSpec::File(file) => format!("--save {}", shell_word(file)),
        DestinationSpec::Preset(address) => {
            format!("--to {}", shell_word(Path::new(&address.text)))
        }
        _ => String::new(),
    }
}
