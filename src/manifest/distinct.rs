//! What two keys of a manifest must not share.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::ManifestKey;
use super::field::{ManifestErrors, mistake};
use crate::error::Error;
use crate::files::real;

/// Records what two keys must not share: a name, a unique username, a destination.
pub(super) fn expect_distinct(
    keys: &[ManifestKey],
    own: Option<&Path>,
    mistakes: &mut ManifestErrors,
) {
    let mut names = HashMap::new();
    let mut usernames = HashMap::new();
    let mut files = Files::new(own);
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
        if let Err(fault) = files.take(key) {
            mistakes.note(key.line, fault);
        }
    }
}

/// The files that secrets are saved to, with the line of each key.
struct Files {
    own: Option<PathBuf>,
    /// The variables of each file; `None` for a file with a single secret.
    taken: HashMap<PathBuf, HashMap<Option<String>, usize>>,
}

impl Files {
    fn new(own: Option<&Path>) -> Self {
        Self {
            // Links are resolved, since writing never goes through one.
            own: own.map(|own| fs::canonicalize(own).unwrap_or_else(|_| real(own))),
            taken: HashMap::new(),
        }
    }

    fn take(&mut self, key: &ManifestKey) -> Result<(), Error> {
        let Some(file) = key.destination.file() else {
            return Ok(());
        };
        let shown = file.display().to_string();
        let file = real(file);
        if self.own.as_ref() == Some(&file) {
            let message = format!("`{shown}` is the manifest itself");
            return Err(mistake(message, "name another file"));
        }
        let taken = self.taken.entry(file).or_default();
        for variable in variables(key) {
            let is_whole = variable.is_none();
            let other = taken
                .iter()
                .find(|(other, _)| is_whole || other.is_none())
                .map(|(_, line)| *line);
            if let Some(first) = other {
                let message = format!("`{shown}` is also written by the key on line {first}");
                return Err(mistake(message, "give each secret its own destination"));
            }
            if let Some(first) = taken.insert(variable.clone(), key.line) {
                let variable = variable.unwrap_or_default();
                let message = format!(
                    "the variable `{variable}` in `{shown}` is also set by the key on line {first}"
                );
                return Err(mistake(message, "give each its own variable"));
            }
        }
        Ok(())
    }
}

/// The variables that a key's destination sets; `None` if it writes the whole file.
fn variables(key: &ManifestKey) -> Vec<Option<String>> {
    let Some(variables) = key.variables() else {
        return vec![None];
    };
    let all = variables.username.iter().chain([&variables.secret]);
    all.map(|name| Some(name.to_string())).collect()
}
