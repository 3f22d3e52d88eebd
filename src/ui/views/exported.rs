//! An export that was written, and what is in one.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::{KeyView, counted, text};
use crate::key::Digest;
use crate::ui::DisplayContext;
use crate::ui::export::ExportCounts;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;
use crate::vault::ValidSecret;

/// A secret that is good, as an export to JSON has it: its key, and how to check it.
#[derive(Debug, Serialize)]
pub struct GoodView<'a> {
    #[serde(flatten)]
    key: KeyView<'a>,
    #[serde(serialize_with = "text")]
    digest: Option<&'a Digest>,
    hash: Option<&'a str>,
    #[serde(serialize_with = "text")]
    retires_at: Option<Timestamp>,
}

impl<'a> GoodView<'a> {
    /// The secret as it is at `now`.
    pub fn new(good: &'a ValidSecret, now: Timestamp) -> Self {
        Self {
            key: KeyView::new(&good.record.key, now).with_tail(&good.tail),
            digest: good.digest.as_ref(),
            hash: good.hash.as_deref(),
            retires_at: good.retires_at,
        }
    }
}

/// An export that was written to a file.
#[derive(Debug, Serialize)]
pub struct ExportedView {
    file: String,
    format: String,
    secrets: u64,
    left_out: u64,
    #[serde(skip)]
    unread: u64,
}

impl ExportedView {
    /// What was written where.
    pub fn new(file: &Path, format: String, tally: &ExportCounts) -> Self {
        Self {
            file: file.to_string_lossy().into_owned(),
            format,
            secrets: tally.secrets,
            left_out: tally.left_out,
            unread: tally.unread,
        }
    }

    /// Whether every key could be understood.
    pub fn is_whole(&self) -> bool {
        self.unread == 0
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let secrets = counted(self.secrets, "valid secret", "valid secrets");
        format!("`{}` holds {secrets}", self.file)
    }
}

impl Item for ExportedView {
    const FIELDS: &'static [&'static str] = &["file", "format", "secrets", "left_out"];

    fn fields(&self) -> Vec<String> {
        vec![
            self.file.clone(),
            self.format.clone(),
            self.secrets.to_string(),
            self.left_out.to_string(),
        ]
    }
}

impl Row for ExportedView {
    const COLUMNS: &'static [Column] = &[
        Column::wrapped("FILE", 1),
        Column::fixed("FORMAT"),
        Column::fixed("SECRETS"),
        Column::fixed("LEFT OUT"),
    ];

    fn cells(&self, _: &DisplayContext) -> Vec<String> {
        self.fields()
    }
}
