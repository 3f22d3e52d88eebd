//! Commands suggested in messages: they must work as shown, and lose nothing.

use std::path::{Path, absolute};

use jiff::Timestamp;

use super::{Ui, quoted_names};
use crate::check::EXTENSION;
use crate::files::shell_word;
use crate::key::Key;
use crate::settings::is_vault_name;
use crate::vault::VaultAddress;
use crate::vault::way_back_from_early_end;

/// The start of a suggested command in a sentence.
const COMMAND: &str = "`postkey ";

/// Commands that do not use a vault, or find it themselves.
const VAULTLESS: [&str; 3] = ["help", "-", "connect dovecot"];

/// How to replace a key's lost secret, as a sentence; without ending what is still in use, if
/// possible.
pub fn replacement_hint(key: &Key, flags: &str, now: Timestamp) -> String {
    let name = &key.name;
    let flags = match flags {
        "" => String::new(),
        flags => format!(" {flags}"),
    };
    let rotate =
        format!("`postkey rotate {name}{flags}` creates another while the old one keeps working");
    if key.has_expired(now) {
        return format!("{}, and then {rotate}", extension(key, now));
    }
    match key.retiring_at(now) {
        Some(_) => {
            format!("`postkey rotate --abort {name}` removes the lost one, and then {rotate}")
        }
        None => rotate,
    }
}

/// How to make an expired key valid again, as a clause.
pub fn extension(key: &Key, now: Timestamp) -> String {
    let name = &key.name;
    if key.has_expired_early(now) {
        return way_back_from_early_end(name);
    }
    format!("`postkey set {name} --expires {EXTENSION}` extends it with its current secret")
}

/// The flags that name the vault and the settings, if they were given on the command line.
pub fn globals(vault: Option<&Path>, config: Option<&Path>) -> String {
    let flag = |name: &str, path: Option<&Path>| {
        let is_path = |path: &Path| match name {
            "--vault" => !is_vault_name(path) && !VaultAddress::is_url(&path.to_string_lossy()),
            _ => true,
        };
        let path = path.map(|path| match is_path(path) {
            true => absolute(path).unwrap_or_else(|_| path.to_owned()),
            false => path.to_owned(),
        });
        path.map_or_else(String::new, |path| format!(" {name} {}", shell_word(&path)))
    };
    flag("--vault", vault) + &flag("--config", config)
}

impl Ui {
    /// The text, with these flags added to each command.
    pub(super) fn with_globals(&self, text: &str) -> String {
        with_globals(text, &self.globals)
    }
}

/// The text, with the flags that name the vault added to each command.
pub(super) fn with_globals(text: &str, globals: &str) -> String {
    let mut parts = text.split(COMMAND);
    let mut with_globals = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        with_globals.push_str("`postkey");
        if !VAULTLESS.iter().any(|word| part.starts_with(word)) {
            with_globals.push_str(globals);
        }
        with_globals.push(' ');
        with_globals.push_str(part);
    }
    with_globals
}

/// The warning about passwords that Dovecot 2.4 refuses.
pub fn refused_by_dovecot_2_4(keys: &[String]) -> String {
    let passwords = match keys.len() {
        1 => "password",
        _ => "passwords",
    };
    let names = quoted_names(keys);
    format!("Dovecot 2.4 refuses the MD5-CRYPT {passwords} of {names}")
}

/// How to make Dovecot 2.4 accept such passwords.
pub const ALLOWS_WEAK: &str = "`postkey rotate NAME` creates a secret that it accepts; until \
                               then, its setting `auth_allow_weak_schemes = yes` allows these, \
                               and all other weak hashes";

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    #[test]
    fn every_command_in_a_text_names_the_vault_that_was_named() {
        let mut ui = Ui::before_settings(Format::Text);
        let text = "try `postkey list`, or `postkey set web --expires 90d`; `postkey help set`";
        assert_eq!(ui.with_globals(text), text);
        ui.globals = globals(Some(Path::new("/a b/v.db")), None);
        assert_eq!(
            ui.with_globals(text),
            "try `postkey --vault '/a b/v.db' list`, or `postkey --vault '/a b/v.db' set web \
             --expires 90d`; `postkey help set`"
        );
        assert_eq!(
            globals(Some(Path::new("/v.db")), Some(Path::new("/c.toml"))),
            " --vault /v.db --config /c.toml"
        );
    }
}
