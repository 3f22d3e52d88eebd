//! Keys that a selector matches.

use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::{KeyView, or_empty};
use crate::ui::DisplayContext;
use crate::ui::listing::{Item, Row, table_of};
use crate::ui::table::Column;

/// A selected key, before something is done to it: a key for programs, the essentials for people.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct SelectedView<'a>(KeyView<'a>);

impl<'a> SelectedView<'a> {
    /// Describes a key.
    pub fn new(key: KeyView<'a>) -> Self {
        Self(key)
    }
}

impl FieldNamesAsSlice for SelectedView<'_> {
    const FIELD_NAMES_AS_SLICE: &'static [&'static str] = KeyView::FIELD_NAMES_AS_SLICE;
}

impl Item for SelectedView<'_> {}

impl Row for SelectedView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::wrapped("NAME", 1),
        Column::dropped("KIND", 3),
        Column::fixed("STATUS"),
        Column::dropped("LAST USED", 2),
        Column::cut("LABELS", 4),
        Column::cut("OWNER", 5),
    ];

    fn cells(&self, display: &DisplayContext) -> Vec<String> {
        let Self(key) = self;
        vec![
            key.name.to_owned(),
            key.kind.to_owned(),
            key.status.to_owned(),
            key.last_used(display),
            or_empty(key.shown_labels()),
            or_empty(key.owner),
        ]
    }
}

/// A table of keys as part of a message, in which escape sequences are shown as text.
pub fn selected_table(keys: &[SelectedView<'_>], display: &DisplayContext) -> String {
    table_of(keys, &display.without_color())
}
