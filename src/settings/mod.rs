//! The settings: flags over environment over `config.toml` over defaults, merged once.

mod color;
mod credentials;
mod effective;
mod export;
mod file;
mod listen;
mod merge;
mod origins;
mod overrides;
mod path;
mod pattern;
mod permissions;
mod plans;
mod policy;
mod preset;
mod presets;
mod retention;
mod salvage;
mod service;
mod source;
mod text;
mod timeout;
mod values;
mod vaults;
mod wait;
mod words;

use std::collections::BTreeMap;
use std::mem;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::vault::VaultAddress;
pub use color::Color;
pub use credentials::{Credentials, KeyHeader};
pub use effective::EffectiveSetting;
pub use export::{ExportFormat, ExportTarget};
use file::{Defaults, File};
pub use listen::Listen;
use merge::merged;
pub use origins::Origins;
pub use overrides::Overrides;
pub use path::expanded;
pub use pattern::{AddressParts, MAX_ADDRESS, PartTemplate};
pub use permissions::{Permissions, RequestMatch};
pub use plans::Plans;
pub use policy::Policy;
pub use preset::{
    BASE64_PART, Decoding, FIELDS_BASE64_PART, FIELDS_PART, FILE_PART, Preset, VALUE_PART,
};
pub use presets::Presets;
pub use retention::Retention;
use salvage::{SalvagedSettings, salvage};
pub use service::{ApiUrl, HostName, SmtpServer};
pub use source::{SettingSource, VaultSource};
pub use timeout::Timeout;
pub use values::Settings;
pub use vaults::{Vaults, is_vault_name};
pub use wait::{Wait, delivery_wait};
pub use words::{hint, nearest};

impl Settings {
    /// Merges flags and environment, the settings file, and the defaults.
    ///
    /// # Errors
    /// If the file cannot be read or parsed, is not trusted, or there is no home to find it in.
    pub fn merge(overrides: Overrides) -> Result<Self, Error> {
        let source = SettingsSource::find(&overrides)?;
        let file = file::understood(&source.text, &source.path)?;
        source.settings(overrides, file)
    }

    /// Merges the valid parts of an invalid settings file, for commands that must not wait for a
    /// fix; also returns the error.
    ///
    /// # Errors
    /// Like [`Settings::merge`], if the file cannot be read or is not trusted, or if it may name
    /// another vault than the one that would be used.
    pub fn salvage(overrides: Overrides) -> Result<(Self, Option<Error>), Error> {
        let source = SettingsSource::find(&overrides)?;
        let whole = file::understood(&source.text, &source.path)
            .and_then(|file| source.settings(overrides.clone(), file));
        let error = match whole {
            Ok(settings) => return Ok((settings, None)),
            Err(error) => error,
        };
        let SalvagedSettings {
            file,
            is_vault_unreadable,
            has_unreadable_exports,
        } = salvage(&source.text);
        if is_vault_unreadable && overrides.vault.is_none() {
            let hint = error.hint().unwrap_or("correct the settings");
            let hint = format!("{hint}; until then, name the vault with --vault");
            return Err(error.with_hint(hint));
        }
        // Only new keys need these.
        let file = File {
            defaults: Defaults::default(),
            plans: BTreeMap::new(),
            ..file
        };
        let without = |file: &File| File {
            vault: file.vault.clone(),
            vaults: file.vaults.clone(),
            database: file.database.clone(),
            ..File::default()
        };
        let bare = without(&file);
        let settings = source.settings(overrides.clone(), file);
        let is_bare = settings.is_err();
        let settings = settings.or_else(|_| source.settings(overrides, bare))?;
        let settings = Self {
            has_unreadable_exports: has_unreadable_exports || is_bare,
            ..settings
        };
        Ok((settings, Some(error)))
    }
}

/// The text of the settings file, and the default paths of the file and the vault.
struct SettingsSource {
    path: PathBuf,
    text: String,
    /// The user's data folder.
    data: Option<PathBuf>,
}

impl SettingsSource {
    fn find(overrides: &Overrides) -> Result<Self, Error> {
        // A relative home would be a different one in every folder.
        let homes =
            ProjectDirs::from("", "", "postkey").filter(|homes| homes.data_dir().is_absolute());
        let in_home = || Some(homes.as_ref()?.config_dir().join("config.toml"));
        let path = overrides.config.clone().or_else(in_home);
        let text = match &path {
            Some(path) => file::read(path, overrides.config.is_some())?,
            None => String::new(),
        };
        Ok(Self {
            path: path.unwrap_or_default(),
            text,
            data: homes.map(|homes| homes.data_dir().to_owned()),
        })
    }

    fn settings(&self, overrides: Overrides, file: File) -> Result<Settings, Error> {
        let mut file = file;
        let vaults = Vaults::new(mem::take(&mut file.vaults));
        let given = overrides.vault.clone();
        let given = given.map(|given| vaults.address(given)).transpose()?;
        let named_vault = given.or_else(|| file.vault.clone());
        let vault_source = match (&overrides.vault, &file.vault) {
            (Some(_), _) if overrides.from_environment.contains(&"vault") => {
                VaultSource::Environment
            }
            (Some(_), _) => VaultSource::Flag,
            (None, Some(_)) => VaultSource::Settings,
            (None, None) => VaultSource::Home,
        };
        let in_home = |data: &PathBuf| VaultAddress::File(data.join("vault.db"));
        let vault_in_home = self.data.as_ref().map(in_home);
        let exported_vault = file.vault.clone().or_else(|| vault_in_home.clone());
        let vault = named_vault.or(vault_in_home).ok_or_else(no_home)?;
        let folder = match (&self.data, &vault) {
            (None, VaultAddress::Database(_)) => return Err(no_home_for_files()),
            (folder, _) => folder.as_deref().unwrap_or(Path::new("")),
        };
        let place = (vault, folder);
        let mut settings = merged(overrides, file, place, vault_source).map_err(|invalid| {
            let error = Error::from(invalid).about(self.path.display());
            error.with_status(ExitStatus::Trouble)
        })?;
        let file_path = Some(&self.path).filter(|path| !path.as_os_str().is_empty());
        settings.file_path = file_path.cloned();
        settings.file = file_path.filter(|path| path.is_file()).cloned();
        settings.exported_vault = exported_vault;
        settings.vaults = vaults;
        settings.set_by.file = self.text.clone();
        Ok(settings)
    }
}

fn no_home_for_files() -> Error {
    Error::new(
        ExitStatus::Trouble,
        "cannot find a home folder for the vault's files on this host",
    )
    .with_hint(
        "set HOME or XDG_DATA_HOME: a vault in a database has its usage record and locks there",
    )
}

fn no_home() -> Error {
    let hint = "set HOME, or name the vault with --vault or POSTKEY_VAULT";
    Error::new(
        ExitStatus::Trouble,
        "cannot find a home folder for the vault",
    )
    .with_hint(hint)
}
