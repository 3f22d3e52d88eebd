//! Plans an import: new keys, existing ones, and conflicts.

use std::collections::HashMap;
use std::path::Path;

use super::entry::ImportEntry;
use super::fault::{InvalidLines, LineError};
use crate::arguments;
use crate::context::name_list::STANDARD_INPUT;
use crate::error::Error;
use crate::key::{Key, Tail, Username};
use crate::vault::{self, Vault};

/// What to import, and what to skip.
pub(super) struct ImportPlan {
    pub(super) entries: Vec<ImportEntry>,
    /// The existing keys that were skipped.
    pub(super) skipped: Vec<ImportEntry>,
}

impl ImportPlan {
    /// Looks for conflicts of each entry with others and with the vault.
    pub(super) fn new(
        entries: Vec<ImportEntry>,
        vault: Option<&Vault>,
        is_skipping: bool,
        faults: &mut InvalidLines,
    ) -> Result<Self, Error> {
        let mut seen = SeenNames::default();
        let mut plan = Self {
            entries: Vec::new(),
            skipped: Vec::new(),
        };
        for entry in entries {
            if let Some(fault) = seen.twice(&entry) {
                faults.add(entry.line, fault);
                continue;
            }
            match vault.map_or(Ok(None), |vault| conflict(&entry.key, vault))? {
                None => plan.entries.push(entry),
                Some((_, true)) if is_skipping => plan.skipped.push(entry),
                Some((error, is_here)) => faults.add(entry.line, conflict_error(error, is_here)),
            }
        }
        Ok(plan)
    }

    /// Makes sure that there is anything to import: an empty list is probably a mistake.
    pub(super) fn expect_not_empty(&self, file: Option<&Path>) -> Result<(), Error> {
        if !self.entries.is_empty() || !self.skipped.is_empty() {
            return Ok(());
        }
        let file = file.filter(|file| !arguments::is_dash(file));
        let place = file.map_or(STANDARD_INPUT.to_owned(), |file| {
            format!("`{}`", file.display())
        });
        Err(Error::usage(format!("nothing to import in {place}"))
            .with_hint("check why it is empty: an earlier command may have failed"))
    }
}

fn conflict_error(error: vault::Error, is_here: bool) -> LineError {
    let fault = LineError::from(error);
    match is_here {
        true => fault.with_hint("--skip-existing skips existing keys"),
        false => fault,
    }
}

/// What in the vault conflicts with a key, and whether that is the same key: the same login or the
/// same secret.
fn conflict(key: &Key, vault: &Vault) -> Result<Option<(vault::Error, bool)>, vault::Error> {
    for tail in tails(key) {
        if vault.presented(tail)?.is_some() {
            return Ok(Some((vault::Error::SecretTaken(key.name.clone()), true)));
        }
    }
    let own = key.username().filter(|username| !username.is_shared());
    if let Some(username) = own
        && vault.of_username(username.as_str())?.is_some()
    {
        return Ok(Some((vault::Error::UsernameTaken(username.clone()), true)));
    }
    if let Some(login) = key.imported_login()
        && vault.imported(login.as_str())?.is_some()
    {
        return Ok(Some((vault::Error::PasswordTaken(login.clone()), true)));
    }
    match vault.find(&key.name) {
        Ok(found) => {
            let is_here = key.imported_login().is_some() && found.key.username() == key.username();
            Ok(Some((vault::Error::NameTaken(found.key.name), is_here)))
        }
        Err(vault::Error::NoSuchKey(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The tails of a key's secrets.
fn tails(key: &Key) -> impl Iterator<Item = &Tail> {
    let old = key.retiring.as_ref().map(|old| &old.tail);
    [&key.tail].into_iter().chain(old)
}

/// What earlier entries use, and their lines.
#[derive(Default)]
struct SeenNames(HashMap<String, u64>);

impl SeenNames {
    /// What an entry has in common with an earlier one.
    fn twice(&mut self, entry: &ImportEntry) -> Option<LineError> {
        let ImportEntry { line, key, .. } = entry;
        let own = key.username().filter(|username| !username.is_shared());
        let mut tails = tails(key).map(Tail::known);
        let (new, old) = (tails.next().flatten(), tails.next().flatten());
        let marks = [
            (
                own.or(key.imported_login()).map(Username::as_str),
                "username",
            ),
            (Some(key.name.as_str()), "name"),
            (new, "secret"),
            (old, "secret"),
        ];
        let marks = marks.map(|(text, what)| (mark(text, what), what));
        let found = marks.iter().find_map(|(mark, what)| {
            let before = self.0.get(mark.as_ref()?)?;
            Some(LineError::new(format!("line {before} has the same {what}")).taken())
        });
        if found.is_none() {
            let marks = marks.into_iter().filter_map(|(mark, _)| mark);
            self.0.extend(marks.map(|mark| (mark, *line)));
        }
        found
    }
}

/// The form in which values are compared: tails with case, the others without.
fn mark(text: Option<&str>, what: &str) -> Option<String> {
    let text = text?;
    Some(match what {
        "secret" => format!("{what} {text}"),
        _ => format!("{what} {}", text.to_ascii_lowercase()),
    })
}
