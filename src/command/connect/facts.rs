//! What templates are filled with, and how.

use std::path::Path;

use super::dovecot::Version;
use super::gateway::Backend;
use crate::error::Error;
use crate::key::Brand;
use crate::settings::{Credentials, Listen};

/// What placeholders are filled from.
#[derive(Clone, Copy)]
pub(super) struct TemplateFacts<'a> {
    pub(super) vault: &'a Path,
    /// The vault that `serve` serves on this machine, if there is one.
    pub(super) served: Option<&'a Path>,
    pub(super) listen: &'a Listen,
    pub(super) credentials: &'a Credentials,
    pub(super) backend: &'a Backend,
    pub(super) brand: &'a Brand,
    /// What Dovecot reads instead of the vault.
    pub(super) export: Option<&'a Path>,
    pub(super) dovecot: Version,
    /// Whether Exim does without it.
    pub(super) without_dovecot: bool,
    /// All placeholders: values may have some of their own.
    pub(super) placeholders: &'a [(&'static str, PlaceholderValue)],
}

/// How a placeholder's value is found.
pub(super) type PlaceholderValue = fn(TemplateFacts) -> Result<String, Error>;

/// The template with its placeholders filled; what a value says is taken as it is.
pub(super) fn fill(template: &str, facts: TemplateFacts) -> Result<String, Error> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        rest = match placeholder(after, facts) {
            Some((value, after)) => {
                filled.push_str(&value(facts)?);
                after
            }
            None => {
                filled.push('{');
                after
            }
        };
    }
    Ok(filled + rest)
}

/// The placeholder whose name the text begins with, and what follows its brace.
fn placeholder<'a>(text: &'a str, facts: TemplateFacts) -> Option<(PlaceholderValue, &'a str)> {
    facts.placeholders.iter().find_map(|&(name, value)| {
        let after = text.strip_prefix(name)?.strip_prefix('}')?;
        Some((value, after))
    })
}
