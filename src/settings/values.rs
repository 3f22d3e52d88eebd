//! The merged settings.

use std::path::PathBuf;
use std::time::Duration;

use super::source::{SetBy, VaultSource};
use super::{
    ApiUrl, Color, Credentials, ExportTarget, Listen, Origins, Permissions, Plans, Policy, Presets,
    Retention, SmtpServer, Vaults,
};
use crate::key::{Brand, Expiry, Limit, Permission, UsernameTemplate};
use crate::vault::{VaultAddress, VaultLocation};

/// All settings, merged.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The path of the settings file, which need not exist.
    pub file_path: Option<PathBuf>,
    /// The settings file, if it exists.
    pub file: Option<PathBuf>,
    /// Where the vault is.
    pub vault: VaultLocation,
    /// The source of that.
    pub vault_source: VaultSource,
    /// Vaults that can be named.
    pub vaults: Vaults,
    /// How long to wait for a locked vault.
    pub wait: Duration,
    /// Whether times are shown in UTC instead of local time.
    pub utc: bool,
    /// When to color output.
    pub color: Color,
    /// How many characters of a tail are shown.
    pub shown: usize,
    /// The brand of new secrets.
    pub brand: Brand,
    /// The default expiry of new keys.
    pub expires: Expiry,
    /// The username of new SMTP keys that are given none; generated if `None`.
    pub username: Option<UsernameTemplate>,
    /// The default permission of new API keys.
    pub permission: Permission,
    /// The default limit of new API keys.
    pub limit: Limit,
    /// The plans and their limits.
    pub plans: Plans,
    /// The permissions and what they allow.
    pub permissions: Permissions,
    /// When `check` finds that keys need attention.
    pub policy: Policy,
    /// For how many days usage is kept.
    pub retention: Retention,
    /// Where `serve` listens, and clients reach it.
    pub listen: Listen,
    /// Where `serve` answers Postfix's policy requests, if at all.
    pub listen_policy: Option<Listen>,
    /// The headers in which an API key is accepted.
    pub credentials: Credentials,
    /// The web pages that may call the API from a browser.
    pub cors_origins: Origins,
    /// The mail server that SMTP keys are for.
    pub smtp: SmtpServer,
    /// The URL of the API that API keys are for.
    pub api_url: Option<ApiUrl>,
    /// The secret managers that secrets can be delivered to.
    pub presets: Presets,
    /// The exports that every change of the vault rewrites.
    pub exports: Vec<ExportTarget>,
    /// The vault of these exports, even if a flag or variable names another.
    pub exported_vault: Option<VaultAddress>,
    /// Whether the settings file may name exports that could not be read.
    pub has_unreadable_exports: bool,
    pub(super) set_by: SetBy,
}
