//! What can still be read of settings that are not valid: an emergency must not wait until
//! somebody has found a misspelt word.
//!
//! Each top-level setting is read by itself, and what is not valid is left out. The one thing that
//! must not be guessed is which vault is meant.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, Deserializer};

use super::file::{File, Text};
use super::nearest;

/// The settings: those at the top, and those in the tables.
const ALL: [&str; 24] = [
    "vault",
    "wait",
    "brand",
    "defaults",
    "plans",
    "permissions",
    "policy",
    "usage",
    "serve",
    "export",
    "output",
    "expires",
    "plan",
    "permission",
    "rotate_every",
    "unused",
    "expiring",
    "keep",
    "listen",
    "format",
    "file",
    "shown",
    "utc",
    "color",
];

/// What could be read.
#[derive(Debug)]
pub(super) struct SalvagedSettings {
    pub(super) file: File,
    /// Whether the file names a vault, or seems to, and which cannot be read.
    pub(super) is_vault_unclear: bool,
    /// Whether it names exports, or seems to, that cannot be read.
    pub(super) has_unreadable_exports: bool,
}

/// Reads what is valid.
pub(super) fn salvage(text: &str) -> SalvagedSettings {
    let (document, errors) = DeTable::parse_recoverable(text);
    let line = |at: usize| text[..at.min(text.len())].matches('\n').count();
    let wrong: Vec<_> = errors
        .iter()
        .filter_map(|error| Some(line(error.span()?.start)))
        .collect();
    // What stands on a wrong line may not be what was meant.
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
        is_vault_unclear: lines > count_settings || keys > count_settings,
        has_unreadable_exports: mentions(text, "export") != file.export.len(),
        file,
    }
}

/// How many mentions of a setting are what they seem to be: the setting itself, where it is valid
/// and at the top, and plans and permissions of that name.
fn count_settings(file: &File, setting: &str) -> usize {
    let is_it = |name: &str| nearest(name, &ALL) == Some(setting);
    let plans = file.plans.keys().filter(|name| is_it(name));
    let permissions = file.permissions.keys();
    let permissions = permissions.filter(|Text(name)| is_it(name.as_str()));
    usize::from(file.vault.is_some()) + plans.count() + permissions.count()
}

/// Takes over the one setting that was read.
fn take(file: &mut File, name: &str, one: File) {
    match name {
        "vault" => file.vault = one.vault,
        "wait" => file.wait = one.wait,
        "brand" => file.brand = one.brand,
        "defaults" => file.defaults = one.defaults,
        "plans" => file.plans = one.plans,
        "permissions" => file.permissions = one.permissions,
        "policy" => file.policy = one.policy,
        "usage" => file.usage = one.usage,
        "serve" => file.serve = one.serve,
        "export" => file.export = one.export,
        "output" => file.output = one.output,
        _ => {}
    }
}

/// How many keys, in whatever table, have the name of a setting of the top, or what was most
/// likely meant to be it.
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

/// How many lines name a setting of the top, or what was most likely meant to.
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
    fn what_is_valid_is_read_and_what_is_unclear_is_told() {
        let vault = "vault = \"/srv/v.db\"\n";
        let export = "[[export]]\nformat = \"json\"\nfile = \"/srv/e\"\n";
        for (text, has_vault, exports, is_vault_unclear, has_unreadable_exports) in [
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
            // Twice, also after a mistake: which one is meant?
            (format!("{vault}vault = \"/w.db\"\n"), true, 0, true, false),
            (format!("'vault' = 'x'\n{vault}"), false, 0, true, false),
            // Under a table in which it means nothing.
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
            // Where names are free, it is one.
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
            // Every other setting that there is, is none that is taken for it.
            (
                format!(
                    "{vault}wait = \"1s\"\nbrand = \"x\"\n[defaults]\nexpires = \"1d\"\nplan = \"free\"\npermission = \"full\"\n[policy]\nrotate_every = \"1d\"\nunused = \"1d\"\nexpiring = \"1d\"\n[usage]\nkeep = \"1d\"\n[serve]\nlisten = \"x\"\n[output]\nshown = 4\nutc = true\ncolor = \"never\"\n{export}"
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
                salvaged.is_vault_unclear,
                salvaged.has_unreadable_exports,
            );
            let expected = (has_vault, exports, is_vault_unclear, has_unreadable_exports);
            assert_eq!(found, expected, "{text}");
        }
    }
}
