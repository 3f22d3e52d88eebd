//! Merges flags over environment over `config.toml` over defaults.

use std::path::Path;

use super::file::File;
use super::source::{SetBy, SettingSource};
use super::text::Text;
use super::{
    Credentials, Origins, Overrides, Permissions, Plans, Policy, Presets, Settings, SmtpServer,
    VaultSource, Vaults, export,
};
use crate::key::{Expiry, Invalid, Limit, Permission};
use crate::vault::{DatabaseOptions, VaultAddress, VaultLocation};

/// Merges flags, environment and file, with defaults for the rest.
pub(super) fn merged(
    overrides: Overrides,
    file: File,
    (vault, folder): (VaultAddress, &Path),
    vault_source: VaultSource,
) -> Result<Settings, Invalid> {
    let mut plans = Plans::default();
    plans.add(
        file.plans
            .into_iter()
            .map(|(name, Text(limit))| (name, limit)),
    );
    let mut permissions = Permissions::default();
    permissions.add(
        file.permissions
            .into_iter()
            .map(|(Text(permission), texts)| (permission, values(texts))),
    )?;
    let permission = file.defaults.permission.unwrap_or_else(Permission::full);
    let limit = file
        .defaults
        .plan
        .map(|plan| plans.limit(&plan))
        .transpose()?;
    let mut presets = Presets::default();
    presets.add(file.destinations.into_iter())?;
    let credentials = Credentials::default();
    let credentials = Credentials::new(
        file.serve.headers.map_or(credentials.headers, values),
        file.serve.bearer.unwrap_or(credentials.bearer),
    )?;
    let database = DatabaseOptions {
        password_file: file.database.password_file,
        ca_file: file.database.ca_file,
        cert_file: file.database.cert_file,
        key_file: file.database.key_file,
    };
    let wait_source = match overrides.from_environment.contains(&"wait") {
        true => SettingSource::Environment,
        false => SettingSource::Flag,
    };
    let set = [
        overrides.wait.map(|_| ("wait", wait_source)),
        overrides.utc.then_some(("output.utc", SettingSource::Flag)),
        overrides
            .color
            .map(|_| ("output.color", SettingSource::Flag)),
    ];
    Ok(Settings {
        set_by: SetBy {
            overrides: set.into_iter().flatten().collect(),
            ..SetBy::default()
        },
        file_path: None,
        file: None,
        vault: VaultLocation::new(vault, database, folder),
        vault_source,
        vaults: Vaults::default(),
        wait: overrides.wait.or(file.wait).unwrap_or_default().0,
        utc: overrides.utc || file.output.utc.unwrap_or_default(),
        color: overrides.color.or(file.output.color).unwrap_or_default(),
        shown: file.output.shown.unwrap_or(4),
        brand: file.brand.unwrap_or_default(),
        expires: file.defaults.expires.unwrap_or(Expiry::Never),
        username: file.defaults.username,
        permission: permissions.expect(permission)?,
        limit: limit.unwrap_or(Limit::None),
        plans,
        permissions,
        policy: Policy::of(&file.policy),
        retention: file.usage.keep.unwrap_or_default(),
        listen: file.serve.listen.unwrap_or_default(),
        listen_policy: file.serve.policy,
        credentials,
        cors_origins: Origins::new(
            file.serve
                .cors_origins
                .into_iter()
                .map(|Text(origin)| origin)
                .collect(),
        ),
        smtp: SmtpServer::new(file.smtp.host, file.smtp.port),
        api_url: file.api.url,
        presets,
        exports: export::expect_distinct_files(file.export)?,
        exported_vault: None,
        has_unreadable_exports: false,
    })
}

/// The elements of a list of strings.
fn values<T>(texts: Vec<Text<T>>) -> Vec<T> {
    texts.into_iter().map(|Text(value)| value).collect()
}

#[cfg(test)]
impl Default for Settings {
    fn default() -> Self {
        let vault = std::path::PathBuf::from("vault.db");
        merged(
            Overrides::default(),
            File::default(),
            (vault.into(), Path::new("")),
            VaultSource::Home,
        )
        .expect("defaults")
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::file;
    use super::*;

    #[test]
    fn plans_of_the_settings_join_the_built_in_ones() {
        let file = file::parse("[plans]\nteam = \"7/hour\"\nfree = \"1/day\"").expect("settings");
        let merged = merged(
            Overrides::default(),
            file,
            (PathBuf::new().into(), Path::new("")),
            VaultSource::Home,
        )
        .expect("merged");
        let limit = |plan| merged.plans.limit(plan).map(|limit| limit.to_string());
        assert_eq!(limit("team").as_deref(), Ok("7/hour"));
        assert_eq!(limit("free").as_deref(), Ok("1/day"));
        assert_eq!(limit("business").as_deref(), Ok("50000/day"));
        let error = limit("enterprise").expect_err("agreed on");
        assert!(error.hint().is_some_and(|hint| hint.contains("--limit")));
        let error = limit("buisness").expect_err("unknown");
        assert_eq!(error.hint(), Some("did you mean `business`?"));
    }
}
