//! A setting and its effective value.

use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use crate::settings::EffectiveSetting;
use crate::ui::DisplayContext;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;

/// A setting, and the source of its value.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct SettingView<'a> {
    setting: &'a str,
    value: &'a str,
    source: &'static str,
}

impl<'a> SettingView<'a> {
    /// Describes the setting.
    pub fn new(setting: &'a EffectiveSetting) -> Self {
        Self {
            setting: &setting.name,
            value: &setting.value,
            source: setting.source.into_str(),
        }
    }
}

impl Item for SettingView<'_> {}

impl Row for SettingView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::fixed("SETTING"),
        Column::wrapped("VALUE", 1),
        Column::fixed("SOURCE"),
    ];

    fn cells(&self, _: &DisplayContext) -> Vec<String> {
        [self.setting, self.value, self.source]
            .map(str::to_owned)
            .into()
    }
}
