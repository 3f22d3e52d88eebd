//! A key's labels and its owner, as flags of `generate` and `set`.

use std::ffi::OsStr;

use clap::Args;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::completion;
use crate::error::Error;
use crate::key::{Label, Labels, Owner};
use crate::vault::{Error as VaultError, Vault};

/// How many labels or owners are offered.
const MAX_OFFERED: usize = 1000;

/// The flags that say what a key belongs to.
#[derive(Args, Debug)]
pub struct LabelFlags {
    /// Labels to identify and select it by, as in env=prod,team=shop; not secret
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',', add = labels())]
    label: Vec<Label>,
    /// Who is responsible for it, in at most 100 characters; not secret
    #[arg(long, value_name = "TEXT", add = owners())]
    pub owner: Option<Owner>,
}

impl LabelFlags {
    /// Whether one of these flags was given.
    pub fn are_given(&self) -> bool {
        !self.label.is_empty() || self.owner.is_some()
    }

    /// The given labels.
    ///
    /// # Errors
    /// If two have one name, or there are too many.
    pub fn labels(&self) -> Result<Labels, Error> {
        Ok(Labels::of(self.label.iter().cloned())?)
    }

    /// Replaces the labels, as if these had been given.
    pub fn set_labels(&mut self, labels: Labels) {
        self.label = labels.into_iter().collect();
    }
}

/// Completes the labels of the vault's keys.
pub fn labels() -> ArgValueCompleter {
    listed(|vault| {
        let labels = vault.labels(MAX_OFFERED)?;
        Ok(labels.iter().map(ToString::to_string).collect())
    })
}

/// Completes the names of the labels of the vault's keys.
pub fn label_names() -> ArgValueCompleter {
    listed(|vault| {
        let labels = vault.labels(MAX_OFFERED)?;
        let mut names: Vec<_> = labels.iter().map(|label| label.name.to_string()).collect();
        names.dedup();
        Ok(names)
    })
}

/// Completes the owners of the vault's keys.
pub fn owners() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let given = current.to_str().unwrap_or_default();
        of_vault(|vault| vault.owners(MAX_OFFERED), "", given)
    })
}

/// Completes the last of several values with commas between them.
fn listed(values: fn(&Vault) -> Result<Vec<String>, VaultError>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let given = current.to_str().unwrap_or_default();
        let start = given.rfind(',').map_or(0, |comma| comma + 1);
        let (before, prefix) = given.split_at(start);
        of_vault(values, before, prefix)
    })
}

/// Whether a value is only text in any shell: bash runs commands in a word that it completes.
fn is_plain(value: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-=,@:/+%".contains(letter);
    value.chars().all(is_plain)
}

/// The plain values that begin so in the vault of the command line, each after what is before it.
fn of_vault(
    values: impl Fn(&Vault) -> Result<Vec<String>, VaultError>,
    before: &str,
    prefix: &str,
) -> Vec<CompletionCandidate> {
    let vault = completion::context_of_words().and_then(|context| context.open().ok());
    let values = vault.and_then(|vault| values(&vault).ok());
    let values = values.unwrap_or_default().into_iter();
    values
        .filter(|value| value.starts_with(prefix) && is_plain(value))
        .map(|value| CompletionCandidate::new(format!("{before}{value}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn only_values_that_are_text_in_any_shell_are_offered() {
        for value in [
            "ada",
            "team-shop",
            "env=prod,tier=1",
            "a.b@example.com",
            "50%/x+y:z_0",
        ] {
            assert!(is_plain(value), "{value}");
        }
        for value in [
            "zed$(touch pwned);id",
            "`id`",
            "a b",
            "a;b",
            "a&b",
            "a|b",
            "a>b",
            "a'b",
            "a\"b",
            "~ada",
            "a\\b",
            "*",
            "a?",
            "[a]",
            "{a,b}",
            "!1",
            "#a",
            "(a)",
            "a\nb",
            "jürgen",
        ] {
            assert!(!is_plain(value), "{value}");
        }
    }
}
