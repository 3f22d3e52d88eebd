//! The checks of `doctor` and `explain`, and their results.

use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::or_empty;
use crate::error::Error;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;
use crate::ui::{DisplayContext, Ui};

/// A check: passed, or with a finding and a hint.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct ExaminedView {
    check: &'static str,
    ok: bool,
    message: String,
    hint: Option<String>,
}

impl ExaminedView {
    /// A check that passed.
    pub fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self {
            check,
            ok: true,
            message: message.into(),
            hint: None,
        }
    }

    /// A check that failed, and how to fix that, with commands that name the same vault.
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
            hint: Some(display.with_globals(fix)),
        }
    }
}

impl Ui {
    /// Prints all checks; returns how many failed.
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
