//! The settings, merged.

use std::path::PathBuf;
use std::time::Duration;

use super::source::{SetBy, VaultSource};
use super::{
    Color, Credentials, ExportTarget, Listen, Origins, Permissions, Plans, Policy, Retention,
};
use crate::key::{Brand, Expiry, Limit, Permission};

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
    pub has_unreadable_exports: bool,
    pub(super) set_by: SetBy,
}
