//! An export that was written, with its counts.

use std::path::Path;

use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::counted;
use crate::ui::DisplayContext;
use crate::ui::export::ExportCounts;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;

/// An export that was written to a file.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct ExportedView {
    file: String,
    format: String,
    secrets: u64,
    left_out: u64,
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    damaged: u64,
}

impl ExportedView {
    /// Describes a written export.
    pub fn new(file: &Path, format: String, counts: &ExportCounts) -> Self {
        Self {
            file: file.to_string_lossy().into_owned(),
            format,
            secrets: counts.secrets,
            left_out: counts.left_out,
            damaged: counts.damaged,
        }
    }

    /// Whether no key is damaged.
    pub fn is_whole(&self) -> bool {
        self.damaged == 0
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let secrets = counted(self.secrets, "valid secret", "valid secrets");
        format!("`{}` holds {secrets}", self.file)
    }
}

impl Item for ExportedView {}

impl Row for ExportedView {
    const COLUMNS: &'static [Column] = &[
        Column::wrapped("FILE", 1),
        Column::fixed("FORMAT"),
        Column::fixed("SECRETS"),
        Column::fixed("LEFT OUT"),
    ];

    fn cells(&self, _: &DisplayContext) -> Vec<String> {
        vec![
            self.file.clone(),
            self.format.clone(),
            self.secrets.to_string(),
            self.left_out.to_string(),
        ]
    }
}
