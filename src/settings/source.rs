//! Where settings come from.

use strum::IntoStaticStr;

/// Where a setting's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum SettingSource {
    /// A flag of this command.
    Flag,
    /// A variable of the environment.
    Environment,
    /// The settings file.
    #[strum(serialize = "settings")]
    File,
    /// Nothing sets it.
    Default,
}

/// What says where the vault lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultSource {
    /// `--vault`
    Flag,
    /// `POSTKEY_VAULT`
    Environment,
    /// `vault` in the settings file.
    Settings,
    /// The user's home.
    Home,
}

/// What sets settings.
#[derive(Clone, Debug, Default)]
pub(super) struct SetBy {
    /// The settings file's text.
    pub(super) file: String,
    /// The settings that flags or variables set, and which of these did.
    pub(super) overrides: Vec<(&'static str, SettingSource)>,
}
