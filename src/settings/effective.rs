//! The value of every setting, and its source.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;

use super::{SettingSource, Settings, VaultSource};

/// A setting and its effective value.
#[derive(Clone, Debug)]
pub struct EffectiveSetting {
    /// Its name in the settings file: `serve.listen`
    pub name: String,
    /// Its value in TOML.
    pub value: String,
    /// Its source.
    pub source: SettingSource,
}

/// The names of the settings in a file's text, with their sections.
fn names_in(text: &str) -> BTreeSet<String> {
    let table: toml::Table = text.parse().unwrap_or_default();
    let mut names = BTreeSet::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(section) => {
                names.extend(section.keys().map(|key| format!("{name}.{key}")));
            }
            _ => {
                names.insert(name);
            }
        }
    }
    names
}

/// The value of a setting without a default.
fn or_none(value: Option<&impl ToString>) -> String {
    value.map_or("none".to_owned(), ToString::to_string)
}

fn or_no_path(path: &Option<PathBuf>) -> String {
    or_none(path.as_ref().map(|path| path.display()).as_ref())
}

impl Settings {
    /// Every setting, in the order of the settings file.
    pub fn effective(&self) -> Vec<EffectiveSetting> {
        let mut all = self.single();
        for (name, address) in self.vaults.iter() {
            all.push((format!("vaults.{name}"), address.to_string()));
        }
        for (name, limit) in self.plans.limits() {
            all.push((format!("plans.{name}"), limit.to_string()));
        }
        for name in self.permissions.names() {
            let rules = self.permissions.rules(name).map(ToString::to_string);
            let rules = rules.collect::<Vec<_>>().join(", ");
            all.push((format!("permissions.{name}"), rules));
        }
        for (name, preset) in self.presets.all() {
            all.push((
                format!("destinations.{name}"),
                preset.addresses[0].to_string(),
            ));
        }
        for export in &self.exports {
            all.push(("export".to_owned(), export.file.display().to_string()));
        }
        let in_file = names_in(&self.set_by.file);
        let effective = |(name, value): (String, String)| EffectiveSetting {
            source: self.source(&name, &in_file),
            name,
            value,
        };
        all.into_iter().map(effective).collect()
    }

    fn source(&self, name: &str, in_file: &BTreeSet<String>) -> SettingSource {
        let overrides = &mut self.set_by.overrides.iter();
        if let Some((_, source)) = overrides.find(|(own, _)| *own == name) {
            return *source;
        }
        match (name, self.vault_source) {
            ("vault", VaultSource::Flag) => SettingSource::Flag,
            ("vault", VaultSource::Environment) => SettingSource::Environment,
            ("vault", VaultSource::Settings) => SettingSource::File,
            ("vault", VaultSource::Home) => SettingSource::Default,
            (name, _) if in_file.contains(name) => SettingSource::File,
            _ => SettingSource::Default,
        }
    }

    /// The settings with a single value.
    fn single(&self) -> Vec<(String, String)> {
        let headers = self.credentials.headers.iter().map(ToString::to_string);
        let database = self.vault.options();
        let color = self.color.to_possible_value();
        let color = color.map_or_else(String::new, |color| color.get_name().to_owned());
        [
            ("vault", self.vault.to_string()),
            ("wait", format!("{}s", self.wait.as_secs_f64())),
            ("brand", self.brand.to_string()),
            ("defaults.expires", self.expires.to_string()),
            ("defaults.permission", self.permission.to_string()),
            ("defaults.plan", self.limit.to_string()),
            (
                "defaults.username",
                self.username
                    .as_ref()
                    .map_or("generated".to_owned(), ToString::to_string),
            ),
            ("policy.rotate_every", self.policy.rotate_every.to_string()),
            ("policy.unused", self.policy.unused.to_string()),
            ("policy.expiring", self.policy.expiring.to_string()),
            ("policy.max_lifetime", self.policy.max_lifetime.to_string()),
            (
                "policy.require_expiry",
                self.policy.requires_expiry.to_string(),
            ),
            (
                "policy.require_limit",
                self.policy.requires_limit.to_string(),
            ),
            (
                "policy.require_least_permission",
                self.policy.requires_least_permission.to_string(),
            ),
            ("policy.grace", self.policy.grace.to_string()),
            ("policy.settle", self.policy.settle.to_string()),
            ("usage.keep", format!("{}d", self.retention.days())),
            (
                "database.password_file",
                or_no_path(&database.password_file),
            ),
            ("database.ca_file", or_no_path(&database.ca_file)),
            ("database.cert_file", or_no_path(&database.cert_file)),
            ("database.key_file", or_no_path(&database.key_file)),
            ("serve.listen", self.listen.to_string()),
            ("serve.policy", or_none(self.listen_policy.as_ref())),
            ("serve.headers", headers.collect::<Vec<_>>().join(", ")),
            ("serve.bearer", self.credentials.bearer.to_string()),
            ("serve.cors_origins", self.cors_origins.to_string()),
            ("smtp.host", or_none(self.smtp.host.as_ref())),
            ("smtp.port", self.smtp.port.to_string()),
            ("api.url", or_none(self.api_url.as_ref())),
            ("output.shown", self.shown.to_string()),
            ("output.utc", self.utc.to_string()),
            ("output.color", color),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}
