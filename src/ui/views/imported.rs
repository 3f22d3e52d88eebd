//! An imported key.

use jiff::Timestamp;
use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;
use strum::IntoStaticStr;

use super::or_empty;
use crate::key::Key;
use crate::ui::DisplayContext;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;

/// The outcome for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Outcome {
    /// It was imported.
    Imported,
    /// It would be imported without `--dry-run`.
    WouldBeImported,
    /// It already existed.
    Skipped,
}

/// An imported key, as a row of `import`.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct ImportedView<'a> {
    name: &'a str,
    kind: &'static str,
    username: Option<&'a str>,
    tail: Option<&'a str>,
    scheme: &'static str,
    status: &'static str,
    outcome: &'static str,
}

impl<'a> ImportedView<'a> {
    /// Describes the key at `now`, with the scheme of its hash.
    pub fn new(key: &'a Key, scheme: &'static str, outcome: Outcome, now: Timestamp) -> Self {
        Self {
            name: key.name.as_str(),
            kind: key.kind().into_str(),
            username: key.username().map(|username| username.as_str()),
            tail: key.tail.known(),
            scheme,
            status: key.effective_status(now).into_str(),
            outcome: outcome.into_str(),
        }
    }
}

impl Item for ImportedView<'_> {}

impl Row for ImportedView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::wrapped("NAME", 1),
        Column::dropped("KIND", 4),
        Column::cut("USERNAME", 3),
        Column::dropped("SCHEME", 2),
        Column::fixed("STATUS"),
        Column::fixed("OUTCOME"),
    ];

    fn cells(&self, _: &DisplayContext) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.kind.to_owned(),
            or_empty(self.username),
            self.scheme.to_owned(),
            self.status.to_owned(),
            self.outcome.replace('-', " "),
        ]
    }
}
