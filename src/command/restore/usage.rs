//! Removes the usage records of keys that the restored vault does not have.

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::usage::UsageStore;
use crate::vault::{KeyId, Vault};

/// The key numbers in the usage record that are not those of the backup's keys: keys created since,
/// or whose number meant another key then.
pub(super) fn foreign_numbers(vault: &Vault, backup: &Vault, context: &Context) -> Vec<KeyId> {
    let Ok(Some(usage)) = UsageStore::open(vault, context.settings.wait) else {
        return Vec::new();
    };
    let is_other = |key: &KeyId| match (vault.origin(*key), backup.origin(*key)) {
        (Ok(here), Ok(there)) => here != there,
        _ => true,
    };
    let mut others = Vec::new();
    let mut last = 0;
    while let Ok(keys) = usage.keys_after(last) {
        let Some(&end) = keys.last() else { break };
        last = end;
        others.extend(keys.into_iter().filter(is_other));
    }
    others
}

/// Removes the usage records of keys that are not in the vault.
pub(super) fn forget(others: Vec<KeyId>, context: &Context) {
    if others.is_empty() {
        return;
    }
    let forget = || -> Result<(), Error> {
        let vault = context.open()?;
        let usage = UsageStore::open(&vault, context.settings.wait)
            .and_then(|usage| usage.map_or(Ok(()), |mut usage| usage.forget(&others)));
        usage.map_err(|error| Error::new(ExitStatus::Trouble, error.to_string()))
    };
    if let Err(error) = forget() {
        context.ui.warn(format!(
            "the usage of deleted keys was not cleared: {error}"
        ));
    }
}
