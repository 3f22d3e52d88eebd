//! What can still be read of settings that are not valid: an emergency must not wait until
//! somebody has found a misspelt word.
//!
//! Each top-level setting is read by itself, and what is not valid is left out. The one thing that
//! must not be guessed is which vault is meant.

use std::ops::Range;

use serde::Deserialize;
use toml::de::{DeTable, Deserializer};

use super::file::File;
use super::nearest;

/// The settings at the top.
const TOP: [&str; 10] = [
    "vault",
    "wait",
    "brand",
    "defaults",
    "plans",
    "permissions",
    "policy",
    "serve",
    "export",
    "output",
];

/// What could be read.
#[derive(Debug)]
pub(super) struct Salvaged {
    pub(super) file: File,
    /// Whether the file names a vault, or seems to, and which cannot be read.
    pub(super) is_vault_unclear: bool,
    /// Whether it names exports, or seems to, that cannot be read.
    pub(super) lacks_exports: bool,
}

/// Reads what is valid.
pub(super) fn salvage(text: &str) -> Salvaged {
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
        let one = toml::Spanned::new(document.span(), one);
        if let Ok(one) = File::deserialize(Deserializer::from(one)) {
            take(&mut file, key.get_ref(), one);
        }
    }
    let is_named = file.vault.is_some();
    let exports = mentions(text.lines(), "export");
    Salvaged {
        is_vault_unclear: !is_named && mentions(at_top(text), "vault") > 0,
        lacks_exports: exports != file.export.len(),
        file,
    }
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
        "serve" => file.serve = one.serve,
        "export" => file.export = one.export,
        "output" => file.output = one.output,
        _ => {}
    }
}

/// The lines before the first table.
fn at_top(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.trim_start().starts_with('['))
}

/// How many lines name a setting of the top, or what was most likely meant to.
fn mentions<'a>(lines: impl Iterator<Item = &'a str>, setting: &str) -> usize {
    let is_it = |line: &&str| {
        let start = line.trim_start_matches(|c: char| c.is_whitespace() || "['\"".contains(c));
        let word: String = start
            .chars()
            .take_while(|c| c.is_alphanumeric() || "_-".contains(*c))
            .collect();
        let is_header = line.trim_start().starts_with('[');
        let is_named = is_header || start[word.len()..].contains('=');
        is_named && nearest(&word, &TOP) == Some(setting)
    };
    lines.filter(is_it).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valid_is_read_and_what_is_unclear_is_told() {
        let vault = "vault = \"/srv/v.db\"\n";
        let export = "[[export]]\nformat = \"json\"\nfile = \"/srv/e\"\n";
        for (text, has_vault, exports, is_vault_unclear, lacks_exports) in [
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
            (
                "[plans]\nvault = \"x\"\n".to_owned(),
                false,
                0,
                false,
                false,
            ),
        ] {
            let salvaged = salvage(&text);
            let found = (
                salvaged.file.vault.is_some(),
                salvaged.file.export.len(),
                salvaged.is_vault_unclear,
                salvaged.lacks_exports,
            );
            let expected = (has_vault, exports, is_vault_unclear, lacks_exports);
            assert_eq!(found, expected, "{text}");
        }
    }
}
