//! The values for templates, and how to fill them in.

use std::path::Path;

use super::client::ClientFacts;
use super::dovecot::Version;
use super::gateway::Backend;
use crate::error::Error;
use crate::key::Brand;
use crate::settings::{Credentials, Listen};
use crate::vault::{DatabaseAddress, VaultAddress, VaultLocation};

/// The values for placeholders.
#[derive(Clone, Copy)]
pub(super) struct TemplateFacts<'a> {
    pub(super) vault: &'a Path,
    /// The vault's database, if it is in one.
    pub(super) database: Option<DovecotDatabase<'a>>,
    /// The vault that `serve` uses on this machine, if there is one.
    pub(super) served: Option<&'a Path>,
    pub(super) listen: &'a Listen,
    /// Where `serve` answers Postfix's policy requests, if at all.
    pub(super) listen_policy: Option<&'a Listen>,
    pub(super) credentials: &'a Credentials,
    pub(super) backend: &'a Backend,
    pub(super) brand: &'a Brand,
    /// What a program uses.
    pub(super) client: &'a ClientFacts<'a>,
    /// What Dovecot reads instead of the vault.
    pub(super) export: Option<&'a Path>,
    pub(super) dovecot: Version,
    /// Whether Exim is configured without Dovecot.
    pub(super) without_dovecot: bool,
    /// All placeholders; values may contain others.
    pub(super) placeholders: &'a [(&'static str, PlaceholderValue)],
}

/// The vault's database, with what Dovecot needs to know of it.
#[derive(Clone, Copy)]
pub(super) struct DovecotDatabase<'a> {
    pub(super) address: &'a DatabaseAddress,
    /// The certificates of the authorities that are trusted, if not the system's.
    pub(super) authorities: Option<&'a Path>,
}

impl<'a> DovecotDatabase<'a> {
    /// The database at this location, if it is one.
    pub(super) fn of(vault: &'a VaultLocation) -> Option<Self> {
        match vault.address() {
            VaultAddress::File(_) => None,
            VaultAddress::Database(address) => Some(Self {
                address,
                authorities: vault.options().ca_file.as_deref(),
            }),
        }
    }
}

/// How to compute a placeholder's value.
pub(super) type PlaceholderValue = fn(TemplateFacts) -> Result<String, Error>;

/// Fills in a template's placeholders; values are not expanded again.
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

/// The placeholder at the start of the text, and what follows it.
fn placeholder<'a>(text: &'a str, facts: TemplateFacts) -> Option<(PlaceholderValue, &'a str)> {
    facts.placeholders.iter().find_map(|&(name, value)| {
        let after = text.strip_prefix(name)?.strip_prefix('}')?;
        Some((value, after))
    })
}
