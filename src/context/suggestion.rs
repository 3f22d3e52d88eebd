//! The name that was likely meant where no key has the one that was given.

use crate::key::KeyName;
use crate::vault::Vault;

/// Among how many names it is sought.
const MAX_COMPARED: usize = 10_000;

/// The nearest name of a key; none where the vault cannot tell.
pub fn nearest(name: &KeyName, vault: &Vault) -> Option<KeyName> {
    name.nearest(vault.names("", MAX_COMPARED).ok()?)
}

/// The nearest name in the log, which has those of deleted and renamed keys, too.
pub fn nearest_in_log(name: &KeyName, vault: &Vault) -> Option<KeyName> {
    name.nearest(vault.names_in_log(MAX_COMPARED).ok()?)
}

/// The hint that names it.
pub fn did_you_mean(name: &KeyName) -> String {
    format!("did you mean `{name}`?")
}
