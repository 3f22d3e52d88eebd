//! What `doctor` looked at, and what it found.

use serde::Serialize;

use super::or_empty;
use crate::ui::Look;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;

/// One thing that was looked at: it is well, or something is found with its mend.
#[derive(Debug, Serialize)]
pub struct ExaminedView {
    check: &'static str,
    ok: bool,
    message: String,
    mend: Option<String>,
}

impl ExaminedView {
    /// Something that is well.
    pub fn well(check: &'static str, message: impl Into<String>) -> Self {
        Self {
            check,
            ok: true,
            message: message.into(),
            mend: None,
        }
    }

    /// Something that is not, and how it is mended.
    pub fn found(check: &'static str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            check,
            ok: false,
            message: message.into(),
            mend: Some(mend.into()),
        }
    }

    /// Whether it is well.
    pub fn is_well(&self) -> bool {
        self.ok
    }
}

impl Item for ExaminedView {
    const FIELDS: &'static [&'static str] = &["check", "ok", "message", "mend"];

    fn fields(&self) -> Vec<String> {
        vec![
            self.check.to_owned(),
            self.ok.to_string(),
            self.message.clone(),
            or_empty(self.mend.as_ref()),
        ]
    }
}

impl Row for ExaminedView {
    const COLUMNS: &'static [Column] = &[
        Column::fixed(" "),
        Column::fixed("CHECK"),
        Column::wrapped("FOUND", 1),
        Column::wrapped("MEND", 2),
    ];

    fn cells(&self, _: &Look) -> Vec<String> {
        let mark = if self.ok { "✓" } else { "✗" };
        vec![
            mark.to_owned(),
            self.check.to_owned(),
            self.message.clone(),
            or_empty(self.mend.as_ref()),
        ]
    }
}
