//! Suggests a similar name if no key has the given one.

use crate::key::KeyName;
use crate::vault::Vault;

/// How many names are compared.
const MAX_COMPARED: usize = 10_000;

/// The most similar name of a key; `None` if the vault cannot be read.
pub fn nearest(name: &KeyName, vault: &Vault) -> Option<KeyName> {
    name.nearest(vault.names("", MAX_COMPARED).ok()?)
}

/// The most similar name in the log, which includes deleted and renamed keys.
pub fn nearest_in_log(name: &KeyName, vault: &Vault) -> Option<KeyName> {
    name.nearest(vault.names_in_log(MAX_COMPARED).ok()?)
}

/// The hint with the suggestion.
pub fn did_you_mean(name: &KeyName) -> String {
    format!("did you mean `{name}`?")
}
