//! The settings: flags over environment over `config.toml` over defaults, merged once.

mod credentials;
mod effective;
mod export;
mod file;
mod listen;
mod merge;
mod origins;
mod path;
mod permissions;
mod plans;
mod policy;
mod retention;
mod salvage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use directories::ProjectDirs;
use serde::Deserialize;

use crate::key::{Brand, Expiry, Invalid, Limit, Period, Permission};
pub use credentials::{Credentials, KeyHeader};
use effective::SetBy;
pub use effective::{EffectiveSetting, SettingSource};
pub use export::{ExportFormat, ExportTarget};
use file::{Defaults, File};
pub use listen::Listen;
use merge::merged;
pub use origins::Origins;
pub use path::expanded;
pub use permissions::Permissions;
pub use plans::Plans;
pub use policy::Policy;
pub use retention::Retention;
use salvage::{SalvagedSettings, salvage};

/// How long a busy vault may be waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// Everything that can be set, merged.
#[derive(Debug)]
pub struct Settings {
    /// Where the settings' file is, or would be.
    pub place: Option<PathBuf>,
    /// The settings' file, if there is one.
    pub file: Option<PathBuf>,
    /// Where the vault lies.
    pub vault: PathBuf,
    /// What says that it lies there.
    pub vault_source: VaultSource,
    /// How long to wait for a busy vault.
    pub wait: Duration,
    /// Whether people are shown UTC instead of their own time zone.
    pub utc: bool,
    /// When people are shown colour.
    pub color: Color,
    /// How many characters of a tail people are shown.
    pub shown: usize,
    /// The brand of new secrets.
    pub brand: Brand,
    /// When a new key expires if nothing is said.
    pub expires: Expiry,
    /// What a new API key may call if nothing is said.
    pub permission: Permission,
    /// How often a new API key may be used if nothing is said.
    pub limit: Limit,
    /// The plans and their limits.
    pub plans: Plans,
    /// The permissions and what they allow.
    pub permissions: Permissions,
    /// When `check` finds that keys need attention.
    pub policy: Policy,
    /// For how many days use is kept.
    pub retention: Retention,
    /// Where `serve` listens, and servers that ask it find it.
    pub listen: Listen,
    /// In which headers an API key may be presented.
    pub credentials: Credentials,
    /// Which web pages may call the API from a browser.
    pub cors_origins: Origins,
    /// The files for servers that cannot read the vault, which changes rewrite.
    pub exports: Vec<ExportTarget>,
    /// The vault that these are of, whichever another flag or variable names.
    pub exported_vault: Option<PathBuf>,
    /// Whether the settings' file may name exports that could not be read.
    pub lacks_exports: bool,
    set_by: SetBy,
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

/// What flags and environment say, where they say anything.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--vault`, or `POSTKEY_VAULT`
    pub vault: Option<PathBuf>,
    /// Which of these were variables: `vault`, `wait`
    pub from_environment: Vec<&'static str>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--wait`
    pub wait: Option<Wait>,
    /// `--utc`
    pub utc: bool,
    /// `--color`
    pub color: Option<Color>,
}

/// How long to wait for a busy vault: at most one day, 5 s if nothing is said.
#[derive(Clone, Copy, Debug)]
pub struct Wait(Duration);

impl Default for Wait {
    fn default() -> Self {
        Self(Duration::from_secs(5))
    }
}

impl FromStr for Wait {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let length = text.parse::<Period>()?.length();
        length
            .filter(|&length| length <= LONGEST_WAIT)
            .map(Self)
            .ok_or_else(|| {
                Invalid::new("a timeout", text, "a timeout is at most one day")
                    .with_hint("write `5s` or `2m`")
            })
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    /// How to fix it.
    pub hint: Option<String>,
}

impl Error {
    fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            message: message.into(),
            hint,
        }
    }
}

impl Settings {
    /// Merges flags and environment, the settings file, and the defaults.
    ///
    /// # Errors
    /// If the file cannot be read or understood, is not trusted, or there is no home to find it
    /// in.
    pub fn merge(overrides: Overrides) -> Result<Self, Error> {
        let source = SettingsSource::find(&overrides)?;
        let file = file::understood(&source.text, &source.path)?;
        source.settings(overrides, file)
    }

    /// Merges what is valid of a settings file that is not, for commands that must not wait until
    /// it is; tells why it is not.
    ///
    /// # Errors
    /// As [`Settings::merge`], if the file cannot be read or is not trusted, or if it may name
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
            is_vault_unclear,
            lacks_exports,
        } = salvage(&source.text);
        if is_vault_unclear && overrides.vault.is_none() {
            let hint = error.hint.as_deref().unwrap_or("correct the settings");
            let hint = format!("{hint}; until then, name the vault with --vault");
            return Err(Error::new(error.message, Some(hint)));
        }
        // What these may say is needed for new keys only.
        let file = File {
            defaults: Defaults::default(),
            plans: BTreeMap::new(),
            ..file
        };
        let without = |file: &File| File {
            vault: file.vault.clone(),
            ..File::default()
        };
        let bare = without(&file);
        let settings = source.settings(overrides.clone(), file);
        let is_bare = settings.is_err();
        let settings = settings.or_else(|_| source.settings(overrides, bare))?;
        let settings = Self {
            lacks_exports: lacks_exports || is_bare,
            ..settings
        };
        Ok((settings, Some(error)))
    }
}

/// The text of the settings' file, and where it and the vault are by default.
struct SettingsSource {
    path: PathBuf,
    text: String,
    vault_in_home: Option<PathBuf>,
}

impl SettingsSource {
    fn find(overrides: &Overrides) -> Result<Self, Error> {
        // A home that is not absolute would be another one in every folder.
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
            vault_in_home: homes.map(|homes| homes.data_dir().join("vault.db")),
        })
    }

    fn settings(&self, overrides: Overrides, file: File) -> Result<Settings, Error> {
        let named_vault = overrides.vault.clone().or_else(|| file.vault.clone());
        let vault_source = match (&overrides.vault, &file.vault) {
            (Some(_), _) if overrides.from_environment.contains(&"vault") => {
                VaultSource::Environment
            }
            (Some(_), _) => VaultSource::Flag,
            (None, Some(_)) => VaultSource::Settings,
            (None, None) => VaultSource::Home,
        };
        let vault_in_home = self.vault_in_home.clone();
        let exported_vault = file.vault.clone().or_else(|| vault_in_home.clone());
        let vault = named_vault.or(vault_in_home).ok_or_else(no_home)?;
        let mut settings = merged(overrides, file, vault, vault_source)
            .map_err(|invalid| at_path(&self.path, &invalid))?;
        let place = Some(&self.path).filter(|path| !path.as_os_str().is_empty());
        settings.place = place.cloned();
        settings.file = place.filter(|path| path.is_file()).cloned();
        settings.exported_vault = exported_vault;
        settings.set_by.file = self.text.clone();
        Ok(settings)
    }
}

fn no_home() -> Error {
    let hint = "set HOME, or name the vault with --vault or POSTKEY_VAULT";
    Error::new(
        "cannot find a home folder for the vault",
        Some(hint.to_owned()),
    )
}

fn at_path(path: &Path, invalid: &Invalid) -> Error {
    let hint = invalid.hint().map(str::to_owned);
    Error::new(format!("{}: {invalid}", path.display()), hint)
}

/// What to say about a word that is none of those that are right: the one that was most likely
/// meant, or all of them.
pub fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("valid values: {}", known.join(", ")),
    }
}

/// The word that was most likely meant.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &&str| strsim::jaro_winkler(word, name);
    let best = known
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.7).then_some(*best)
}
