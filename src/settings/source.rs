//! Where settings come from.

use strum::IntoStaticStr;

/// The source of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum SettingSource {
    /// A flag of this command.
    Flag,
    /// An environment variable.
    Environment,
    /// The settings file.
    #[strum(serialize = "settings")]
    File,
    /// The default.
    Default,
}

/// The source of the vault's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultSource {
    /// `--vault`
    Flag,
    /// `POSTKEY_VAULT`
    Environment,
    /// `vault` in the settings file.
    Settings,
    /// The default, in the user's home.
    Home,
}

/// The sources that set values.
#[derive(Clone, Debug, Default)]
pub(super) struct SetBy {
    /// The settings file's text.
    pub(super) file: String,
    /// The settings given by flags or the environment, and which of the two.
    pub(super) overrides: Vec<(&'static str, SettingSource)>,
}
