//! What `doctor` and `explain` looked at, and what they found.

use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::or_empty;
use crate::error::Error;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;
use crate::ui::{DisplayContext, Ui};

/// One thing that was looked at: it is well, or something is found with its hint.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct ExaminedView {
    check: &'static str,
    ok: bool,
    message: String,
    hint: Option<String>,
}

impl ExaminedView {
    /// Something that is well.
    pub fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self {
            check,
            ok: true,
            message: message.into(),
            hint: None,
        }
    }

    /// Something that is not, and how it is fixed: by commands that name the vault which was named.
    pub fn found(
        check: &'static str,
        message: impl Into<String>,
        fix: &str,
        display: &DisplayContext,
    ) -> Self {
        Self {
            check,
            ok: false,
            message: message.into(),
            hint: Some(display.completed(fix)),
        }
    }
}

impl Ui {
    /// Writes all that was looked at; how much of it is not well.
    pub fn examined(
        &self,
        views: &[ExaminedView],
        display: &DisplayContext,
    ) -> Result<usize, Error> {
        let mut listing = self.listing(display);
        for view in views {
            listing.push(view)?;
        }
        listing.finish::<ExaminedView>()?;
        Ok(views.iter().filter(|view| !view.ok).count())
    }
}

impl Item for ExaminedView {}

impl Row for ExaminedView {
    const COLUMNS: &'static [Column] = &[
        Column::fixed(" "),
        Column::fixed("CHECK"),
        Column::wrapped("FOUND", 1),
        Column::wrapped("HINT", 2),
    ];

    fn cells(&self, _: &DisplayContext) -> Vec<String> {
        let mark = if self.ok { "✓" } else { "✗" };
        vec![
            mark.to_owned(),
            self.check.to_owned(),
            self.message.clone(),
            or_empty(self.hint.as_ref()),
        ]
    }
}
