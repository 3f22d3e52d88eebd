//! What two keys of a manifest must not share.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::ManifestKey;
use super::field::{ManifestErrors, mistake};
use crate::destination::{DestinationSpec, server_variables};
use crate::error::Error;
use crate::files::real;
use crate::key::{KeyVariables, Kind, quoted};
use crate::settings::Settings;

/// Records what two keys must not share: a name, a unique username, a destination.
pub(super) fn expect_distinct(
    keys: &[ManifestKey],
    own: Option<&Path>,
    folder: &Path,
    settings: &Settings,
    mistakes: &mut ManifestErrors,
) {
    let mut names = HashMap::new();
    let mut usernames = HashMap::new();
    let mut places = Places {
        own: own.map(|own| fs::canonicalize(own).unwrap_or_else(|_| real(own))),
        folder,
        settings,
        taken: HashMap::new(),
    };
    for key in keys {
        let name = &key.name;
        if let Some(first) = names.insert(name.folded(), key.line) {
            let message = format!("the name `{name}` is already used by the key on line {first}");
            mistakes.note(key.line, mistake(message, "give each key its own name"));
        }
        let username = key.username.as_ref().filter(|name| !name.is_shared());
        if let Some(username) = username {
            let lower = username.as_str().to_ascii_lowercase();
            if let Some(first) = usernames.insert(lower, key.line) {
                let message =
                    format!("the username `{username}` belongs to the key on line {first}");
                let hint =
                    "choose another; keys can share a username only if it is an email address";
                mistakes.note(key.line, mistake(message, hint));
            }
        }
        if let Err(fault) = places.take(key) {
            mistakes.note(key.line, fault);
        }
    }
}

/// The places that secrets go to, with the line of each key.
struct Places<'a> {
    own: Option<PathBuf>,
    folder: &'a Path,
    settings: &'a Settings,
    /// The variables or fields of each file or document; `None` for one with a single secret.
    taken: HashMap<PathBuf, HashMap<Option<String>, usize>>,
}

/// What a key's secret takes.
struct Place {
    /// The same for one file, or one document of a secret manager.
    id: PathBuf,
    /// How messages call it.
    shown: String,
    /// What its parts are.
    part: &'static str,
    /// The parts that are set; `None` for the whole.
    parts: Vec<Option<String>>,
}

impl Places<'_> {
    fn take(&mut self, key: &ManifestKey) -> Result<(), Error> {
        let Some(place) = self.place(key) else {
            return Ok(());
        };
        let Place {
            id,
            shown,
            part,
            parts,
        } = place;
        if self.own.as_ref() == Some(&id) {
            let message = format!("{shown} is the manifest itself");
            return Err(mistake(message, "name another file"));
        }
        let taken = self.taken.entry(id).or_default();
        for name in parts {
            let is_whole = name.is_none();
            let mut all = taken.iter();
            let other = all.find(|(other, _)| is_whole || other.is_none());
            if let Some((_, first)) = other {
                let message = format!("{shown} is also written by the key on line {first}");
                return Err(mistake(message, "give each secret its own destination"));
            }
            if let Some(first) = taken.insert(name.clone(), key.line) {
                let name = name.unwrap_or_default();
                let message = format!(
                    "the {part} `{name}` in {shown} is also set by the key on line {first}"
                );
                return Err(mistake(message, format!("give each its own {part}")));
            }
        }
        Ok(())
    }

    fn place(&self, key: &ManifestKey) -> Option<Place> {
        if let DestinationSpec::Preset(address) = &key.destination {
            return Some(Place {
                id: address.document(self.folder).into(),
                shown: quoted(&address.text),
                part: "field",
                parts: address.fields(),
            });
        }
        let file = key.destination.file()?;
        let smtp = key.smtp.as_ref().unwrap_or(&self.settings.smtp);
        let is_known = key.kind == Kind::Smtp && smtp.host.is_some();
        Some(Place {
            // Links are resolved, since writing never goes through one.
            id: real(file),
            shown: quoted(&file.display().to_string()),
            part: "variable",
            parts: match key.variables() {
                None => vec![None],
                Some(KeyVariables { username, secret }) => {
                    let of_server = is_known.then(|| server_variables(&secret));
                    let of_server = of_server.into_iter().flatten().map(|(_, name)| name);
                    let all = username.into_iter().chain(of_server).chain([secret]);
                    all.map(|name| Some(name.to_string())).collect()
                }
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::read;
    use crate::settings::Settings;

    fn key(name: &str, save: &str) -> String {
        format!(
            "[[key]]\nname = \"{name}\"\nkind = \"smtp\"\nusername = \"{name}_user\"\nsave = \"{save}\"\n"
        )
    }

    #[test]
    fn two_keys_share_no_place() {
        for (one, other, message) in [
            (
                "pass:shop/a",
                "url:pass:shop/a",
                "`url:pass:shop/a` is also written by the key on line 3",
            ),
            (
                "aws-sm:app#smtp_{field}",
                "aws-sm:app#smtp_url",
                "the field `smtp_url` in `aws-sm:app#smtp_url` is also set by the key on line 3",
            ),
            ("aws-sm:app#key", "aws-sm:app", "also written by the key"),
            (
                "vault:secret/app#key",
                "vault:secret/data/app#key",
                "the field `key`",
            ),
            (
                "env:.env#SMTP_PASSWORD",
                "env:.env#SMTP_URL",
                "the variable `SMTP_URL` in `.env` is also set by the key on line 3",
            ),
            ("aws-sm:app#a", "aws-sm:app#b", ""),
            ("env:.env#A_PASSWORD", "env:.env#B_PASSWORD", ""),
            ("pass:a", "gopass:a", ""),
        ] {
            let server = "[smtp]\nhost = \"a.b\"\n";
            let text = [server, &key("a", one), &key("b", other)].concat();
            let manifest = read(&text, Path::new(""), None, &|_| None, &Settings::default());
            match manifest {
                Ok(_) => assert_eq!(message, "", "{one} {other}"),
                Err(mistakes) => {
                    let found = mistakes[0].error.to_string();
                    assert!(!message.is_empty() && found.contains(message), "{found}");
                    assert_eq!(mistakes[0].line, 8);
                    assert!(mistakes[0].error.hint().is_some());
                }
            }
        }
    }
}
