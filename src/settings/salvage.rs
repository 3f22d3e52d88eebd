//! Reads the valid parts of invalid settings: an emergency must not wait for somebody to find a
//! typo.
//!
//! Each top-level setting is read separately, and invalid ones are left out. Only the vault's path
//! must not be guessed.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, Deserializer};

use super::file::File;
use super::nearest;
use super::text::Text;

/// The top-level settings, and those in tables.
const ALL: [&str; 56] = [
    "vault",
    "vaults",
    "wait",
    "brand",
    "defaults",
    "plans",
    "permissions",
    "policy",
    "usage",
    "database",
    "serve",
    "smtp",
    "api",
    "export",
    "destinations",
    "output",
    "expires",
    "plan",
    "permission",
    "username",
    "rotate_every",
    "unused",
    "expiring",
    "max_lifetime",
    "require_expiry",
    "require_limit",
    "require_least_permission",
    "grace",
    "settle",
    "keep",
    "password_file",
    "ca_file",
    "cert_file",
    "key_file",
    "listen",
    "host",
    "port",
    "url",
    "format",
    "file",
    "shown",
    "utc",
    "color",
    "program",
    "address",
    "example",
    "update",
    "create",
    "missing",
    "input",
    "field",
    "read",
    "decode",
    "lag",
    "timeout",
    "hint",
];

/// The valid parts.
#[derive(Debug)]
pub(super) struct SalvagedSettings {
    pub(super) file: File,
    /// Whether the file names a vault, or seems to, that cannot be read.
    pub(super) is_vault_unreadable: bool,
    /// Whether it names exports, or seems to, that cannot be read.
    pub(super) has_unreadable_exports: bool,
}

/// Reads the valid parts.
pub(super) fn salvage(text: &str) -> SalvagedSettings {
    let (document, errors) = DeTable::parse_recoverable(text);
    let line = |at: usize| text[..at.min(text.len())].matches('\n').count();
    let wrong: Vec<_> = errors
        .iter()
        .filter_map(|error| Some(line(error.span()?.start)))
        .collect();
    // A line with a syntax error may not say what it seems to.
    let is_whole = |span: Range<usize>| {
        let lines = line(span.start)..=line(span.end);
        !wrong.iter().any(|wrong| lines.contains(wrong))
    };
    let mut file = File::default();
    let whole = document
        .get_ref()
        .iter()
        .filter(|(_, value)| is_whole(value.span()));
    for (key, value) in whole {
        let one: DeTable<'_> = [(key.clone(), value.clone())].into_iter().collect();
        let one = Spanned::new(document.span(), one);
        if let Ok(one) = File::deserialize(Deserializer::from(one)) {
            take(&mut file, key.get_ref(), one);
        }
    }
    let lines = mentions(text, "vault");
    let keys = named(document.get_ref(), "vault");
    let count_settings = count_settings(&file, "vault");
    SalvagedSettings {
        is_vault_unreadable: lines > count_settings || keys > count_settings,
        has_unreadable_exports: mentions(text, "export") != file.export.len(),
        file,
    }
}

/// How many mentions of a setting are accounted for: the setting itself, if valid and at the top
/// level, and plans, permissions and vaults with that name.
fn count_settings(file: &File, setting: &str) -> usize {
    let is_it = |name: &str| nearest(name, &ALL) == Some(setting);
    let plans = file.plans.keys().filter(|name| is_it(name));
    let permissions = file.permissions.keys();
    let permissions = permissions.filter(|Text(name)| is_it(name.as_str()));
    let destinations = file.destinations.keys().filter(|name| is_it(name));
    let vaults = file.vaults.keys();
    let vaults = vaults.filter(|Text(name)| is_it(name.as_str()));
    let names = plans.count() + permissions.count() + destinations.count() + vaults.count();
    usize::from(file.vault.is_some()) + names
}

/// Copies the one setting that was read.
fn take(file: &mut File, name: &str, one: File) {
    match name {
        "vault" => file.vault = one.vault,
        "vaults" => file.vaults = one.vaults,
        "wait" => file.wait = one.wait,
        "brand" => file.brand = one.brand,
        "defaults" => file.defaults = one.defaults,
        "plans" => file.plans = one.plans,
        "permissions" => file.permissions = one.permissions,
        "policy" => file.policy = one.policy,
        "usage" => file.usage = one.usage,
        "database" => file.database = one.database,
        "serve" => file.serve = one.serve,
        "smtp" => file.smtp = one.smtp,
        "api" => file.api = one.api,
        "export" => file.export = one.export,
        "destinations" => file.destinations = one.destinations,
        "output" => file.output = one.output,
        _ => {}
    }
}

/// How many keys, in any table, have the name of a top-level setting, or a similar one.
fn named(table: &DeTable<'_>, setting: &str) -> usize {
    let one = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        let is_it = nearest(key.get_ref(), &ALL) == Some(setting);
        usize::from(is_it) + named_within(value.get_ref(), setting)
    };
    table.iter().map(one).sum()
}

fn named_within(value: &DeValue<'_>, setting: &str) -> usize {
    match value {
        DeValue::Table(table) => named(table, setting),
        DeValue::Array(values) => values
            .iter()
            .map(|value| named_within(value.get_ref(), setting))
            .sum(),
        _ => 0,
    }
}

/// How many lines have the name of a top-level setting, or a similar one.
fn mentions(text: &str, setting: &str) -> usize {
    let is_it = |line: &&str| {
        let start = line.trim_start_matches(|c: char| c.is_whitespace() || "['\"".contains(c));
        let word: String = start
            .chars()
            .take_while(|c| c.is_alphanumeric() || "_-".contains(*c))
            .collect();
        let is_header = line.trim_start().starts_with('[');
        let is_named = is_header || start[word.len()..].contains('=');
        is_named && nearest(&word, &ALL) == Some(setting)
    };
    text.lines().filter(is_it).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_settings_are_salvaged_and_ambiguous_ones_reported() {
        let vault = "vault = \"/srv/v.db\"\n";
        let export = "[[export]]\nformat = \"json\"\nfile = \"/srv/e\"\n";
        for (text, has_vault, exports, is_vault_unreadable, has_unreadable_exports) in [
            (format!("{vault}colr = 1\n{export}"), true, 1, false, false),
            (
                format!("{vault}{export}[output]\ncolr = 1\n"),
                true,
                1,
                false,
                false,
            ),
            (format!("wait = 5\n{export}"), false, 1, false, false),
            ("valut = \"/srv/v.db\"\n".to_owned(), false, 0, true, false),
            ("vault = \"v.db\"\n".to_owned(), false, 0, true, false),
            ("vault = /srv/v.db\n".to_owned(), false, 0, true, false),
            (export.replace("json", "jsno"), false, 0, false, true),
            (export.replace("export", "exprot"), false, 0, false, true),
            (format!("{vault}[[export\nformat"), true, 0, false, true),
            // Set twice, once after a mistake: ambiguous.
            (format!("{vault}vault = \"/w.db\"\n"), true, 0, true, false),
            (format!("'vault' = 'x'\n{vault}"), false, 0, true, false),
            // In a table in which it has no meaning.
            (format!("[output]\n{vault}"), false, 0, true, false),
            (format!("[plans]\n{vault}"), false, 0, true, false),
            (format!("{vault}[serve]\n{vault}"), true, 0, true, false),
            (format!("[[export]]\n{vault}"), false, 0, true, true),
            (format!("output.{vault}"), false, 0, true, false),
            (
                format!("output = {{ {} }}", vault.trim()),
                false,
                0,
                true,
                false,
            ),
            // In a table in which names are free, it is one.
            (
                format!("{vault}[plans]\nvault = \"3/day\"\n[output]\ncolr = 1\n"),
                true,
                0,
                false,
                false,
            ),
            (
                "colr = 1\n[plans]\nvault = \"3/day\"\n".to_owned(),
                false,
                0,
                false,
                false,
            ),
            (
                "colr = 1\n[permissions]\nvault = [\"GET /*\"]\n".to_owned(),
                false,
                0,
                false,
                false,
            ),
            (
                format!("colr = 1\n{vault}[vaults]\nvault = \"/srv/w.db\"\nprod = \"/srv/p.db\"\n"),
                true,
                0,
                false,
                false,
            ),
            (
                "colr = 1\n[vaults]\nprod = \"p.db\"\n".to_owned(),
                false,
                0,
                false,
                false,
            ),
            // No other setting may be mistaken for it.
            (
                format!(
                    "{vault}wait = \"1s\"\nbrand = \"x\"\n[defaults]\nexpires = \"1d\"\nplan = \"free\"\npermission = \"full\"\nusername = \"{{name}}_x\"\n[vaults]\nprod = \"/p.db\"\n[policy]\nrotate_every = \"1d\"\nunused = \"1d\"\nexpiring = \"1d\"\nmax_lifetime = \"1d\"\nrequire_expiry = true\nrequire_limit = true\nrequire_least_permission = true\ngrace = \"1d\"\nsettle = \"1h\"\n[usage]\nkeep = \"1d\"\n[database]\npassword_file = \"/p\"\nca_file = \"/p\"\ncert_file = \"/p\"\nkey_file = \"/p\"\n[serve]\nlisten = \"x\"\n[output]\nshown = 4\nutc = true\ncolor = \"never\"\n{export}"
                ),
                true,
                1,
                false,
                false,
            ),
        ] {
            let salvaged = salvage(&text);
            let found = (
                salvaged.file.vault.is_some(),
                salvaged.file.export.len(),
                salvaged.is_vault_unreadable,
                salvaged.has_unreadable_exports,
            );
            let expected = (
                has_vault,
                exports,
                is_vault_unreadable,
                has_unreadable_exports,
            );
            assert_eq!(found, expected, "{text}");
        }
    }
}
