//! A backup, and the effects of a restore.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::entry::{changes, who};
use super::{counted, text};
use crate::key::Tail;
use crate::ui::DisplayContext;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;
use crate::vault::{AffectedKey, Copied, Effect, Field, Head, Reason};

/// A backup that was written.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct BackupView {
    file: String,
    keys: i64,
    entries: i64,
    head: Option<String>,
}

impl BackupView {
    /// Describes a backup that was written.
    pub fn new(copied: &Copied) -> Self {
        Self {
            file: displayed(&copied.path),
            keys: copied.keys,
            entries: copied.head.map_or(0, |(sequence, _)| sequence),
            head: copied
                .head
                .map(|(_, hash)| base16ct::lower::encode_string(&hash)),
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let Self { file, head, .. } = self;
        let contents_phrase = contents_phrase(self.keys, self.entries);
        let head = head.as_ref().map(|head| format!(", head {head}"));
        let file = crate::key::escape_controls(file);
        format!(
            "`{file}` is a backup of {contents_phrase}{}",
            head.unwrap_or_default()
        )
    }
}

impl Item for BackupView {}

/// `3 keys and 1 log entry`
pub fn contents_phrase(keys: i64, entries: i64) -> String {
    let keys = counted(keys, "key", "keys");
    let entries = counted(entries, "log entry", "log entries");
    format!("{keys} and {entries}")
}

/// A log's head: the entry's number and hash.
pub fn format_head((sequence, hash): &Head) -> String {
    format!("{sequence} {}", base16ct::lower::encode_string(hash))
}

/// A path as text; invalid UTF-8 is replaced.
fn displayed(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A key that a restore affects.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct AffectedView<'a> {
    name: &'a str,
    effect: &'static str,
    accepted_again: Vec<&'a str>,
    refused: Vec<&'a str>,
    reason: Option<&'static str>,
    #[serde(serialize_with = "text")]
    since: Option<Timestamp>,
    by: Option<String>,
    #[field_names_as_slice(skip)]
    change: &'a [Field],
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    affected: &'a AffectedKey,
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    is_kept: bool,
}

impl<'a> AffectedView<'a> {
    /// The effect on a key; `is_kept` if it stays inactive instead of becoming valid again.
    pub fn new(affected: &'a AffectedKey, is_kept: bool) -> Self {
        let event = affected.event.as_ref();
        let revived = affected.revived.iter().filter(|_| !is_kept);
        Self {
            name: affected.name.as_str(),
            effect: match is_kept {
                true => "kept-stopped",
                false => affected.effect.into_str(),
            },
            accepted_again: revived.map(Tail::as_str).collect(),
            refused: affected.newly_refused.iter().map(Tail::as_str).collect(),
            reason: affected.reason.map(<&str>::from),
            since: event.map(|event| event.at),
            by: event.map(|event| who(&event.actor)),
            change: &affected.change,
            affected,
            is_kept,
        }
    }

    fn describe_effect(&self) -> &'static str {
        match self.affected.effect {
            _ if self.is_kept => "stays inactive",
            Effect::Revived => "BECOMES VALID AGAIN",
            Effect::Returned => "is restored, but inactive or expired",
            Effect::Gone => "will be deleted",
            Effect::Stopped => "stops",
            Effect::Changed => "changes",
        }
    }

    fn tails(&self, display: &DisplayContext) -> String {
        let AffectedKey {
            revived,
            newly_refused,
            ..
        } = self.affected;
        let tails = if revived.is_empty() {
            newly_refused
        } else {
            revived
        };
        listed(tails, display)
    }

    /// The changed fields that the other cells do not show.
    fn other_changes(&self) -> Vec<Field> {
        let is_deactivated = self.affected.reason == Some(Reason::Deactivated);
        let is_told = |field: &&Field| match field.field.as_str() {
            "tail" => true,
            "status" => is_deactivated,
            _ => false,
        };
        let others = self.change.iter().filter(|field| !is_told(field));
        others.cloned().collect()
    }

    /// `deactivated 2 hours ago by ops@host1`
    fn describe_event(&self, reason: &str, display: &DisplayContext) -> String {
        match (self.since, &self.by) {
            (Some(since), Some(by)) => format!("{reason} {} by {by}", display.distance(since)),
            _ => reason.to_owned(),
        }
    }

    /// `deleted 2 hours ago by ops@host1; …B9Gh stops; limit none → 300/day`
    fn why(&self, display: &DisplayContext) -> String {
        let AffectedKey {
            effect,
            revived,
            newly_refused,
            ..
        } = self.affected;
        let reason = match (effect, self.affected.reason) {
            (Effect::Gone, Some(Reason::Deleted)) => Some("deleted in the backup".to_owned()),
            (Effect::Gone, _) => Some("created since the backup".to_owned()),
            (_, Some(Reason::Absent)) => Some("not in the current vault".to_owned()),
            (_, reason) => reason.map(|reason| self.describe_event(reason.into_str(), display)),
        };
        let is_told = !revived.is_empty() && !newly_refused.is_empty();
        let stops = is_told.then(|| format!("{} stops", listed(newly_refused, display)));
        let change =
            Some(changes(&self.other_changes(), display)).filter(|change| !change.is_empty());
        let parts = [reason, stops, change];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

fn listed(tails: &[Tail], display: &DisplayContext) -> String {
    let tails = tails.iter().map(|tail| display.tail(tail));
    tails.collect::<Vec<_>>().join(" ")
}

impl Item for AffectedView<'_> {}

impl Row for AffectedView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::wrapped("NAME", 2),
        Column::fixed("EFFECT"),
        Column::fixed("SECRET"),
        Column::wrapped("DETAILS", 1),
    ];

    fn cells(&self, display: &DisplayContext) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.describe_effect().to_owned(),
            self.tails(display),
            self.why(display),
        ]
    }
}
