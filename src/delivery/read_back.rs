//! Reads back what a destination holds, and finds out whose secret that is. No secret is stored.

use std::path::Path;

use zeroize::Zeroizing;

use crate::check::{Finding, HeldSecret};
use crate::delivery::preset_delivery::PresetDelivery;
use crate::destination::{DestinationSpec, DestinationText};
use crate::error::Error;
use crate::files::env::{self, EnvVariables};
use crate::key::HashMemory;
use crate::process::{DeferredSignals, kill_by_signal};
use crate::settings::Presets;
use crate::vault::{Error as VaultError, Record, Vault};
use crate::verify::{SecretMatch, match_secret};

/// What a destination holds instead of the key's current secret; `None` if it holds that, or cannot
/// be read back at all. Tools run in `folder`; empty for the current one.
///
/// # Errors
/// If the vault cannot be read.
pub fn held_instead(
    spec: &DestinationSpec,
    record: &Record,
    folder: &Path,
    vault: &Vault,
) -> Result<Option<HeldSecret>, VaultError> {
    match held(spec, record, folder) {
        Ok(None) => Ok(None),
        Ok(Some(value)) => owner(&value, record, vault),
        Err(error) => Ok(Some(HeldSecret::Unreadable(error.to_string()))),
    }
}

/// The finding that a key's secret is not where the vault remembers that it was delivered.
///
/// # Errors
/// If the vault cannot be read.
pub fn not_delivered(
    record: &Record,
    presets: &Presets,
    vault: &Vault,
) -> Result<Option<Finding>, VaultError> {
    let Some(last) = vault.last_delivery(record.id)? else {
        return Ok(None);
    };
    let here = Path::new("");
    let named = last.destination.parse::<DestinationText>();
    let held = match named.and_then(|to| to.spec(&record.key.name, presets, here, &[])) {
        Ok(spec) => held_instead(&spec, record, here, vault)?,
        // A command that only receives secrets.
        Err(_) if last.destination.starts_with("command:") => None,
        Err(error) => Some(HeldSecret::Unreadable(error.to_string())),
    };
    Ok(held.map(|held| Finding::NotDelivered {
        destination: last.destination,
        delivered_at: last.at,
        held,
    }))
}

/// What the destination holds; `None` if it cannot be read back.
fn held(
    spec: &DestinationSpec,
    record: &Record,
    folder: &Path,
) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    match spec {
        DestinationSpec::File(file) => {
            let text = env::read(file)?;
            Ok(Some(Zeroizing::new(text.trim_ascii().to_vec())))
        }
        DestinationSpec::Env { file, variables } => {
            let text = env::read(file)?;
            let found = EnvVariables::read(file, &text)?;
            let key = &record.key;
            let secret = variables.of(&key.name, key.kind()).secret;
            let value = found.value(secret.as_str()).unwrap_or_default();
            Ok(Some(Zeroizing::new(value.as_bytes().to_vec())))
        }
        DestinationSpec::Preset(address) => {
            let signals = DeferredSignals::begin_once();
            let delivery = PresetDelivery {
                address: address.clone(),
                folder: folder.to_owned(),
                signals: Some(signals.clone()),
            };
            let stored = delivery.stored();
            // A tool that a signal stopped has shown nothing.
            signals.signal().into_iter().for_each(kill_by_signal);
            stored
        }
        DestinationSpec::Folder(_)
        | DestinationSpec::Job { .. }
        | DestinationSpec::Command { .. } => Ok(None),
    }
}

/// Whose secret a value is; `None` if it is the key's current one.
fn owner(value: &[u8], record: &Record, vault: &Vault) -> Result<Option<HeldSecret>, VaultError> {
    let Some(text) = std::str::from_utf8(value)
        .ok()
        .filter(|text| !text.is_empty())
    else {
        let is_empty = value.is_empty();
        let held = if is_empty {
            HeldSecret::Nothing
        } else {
            HeldSecret::Another
        };
        return Ok(Some(held));
    };
    let look_up = |tail: &_| vault.stored(tail);
    Ok(
        match match_secret(text, look_up, &mut HashMemory::default())? {
            SecretMatch::Secret(found) if found.record.id != record.id => {
                Some(HeldSecret::OfKey(found.record.key.name.clone()))
            }
            SecretMatch::Secret(found) => found.retires_at.map(HeldSecret::Retiring),
            SecretMatch::Dead(dead) => Some(HeldSecret::Former(dead.name.clone(), dead.died_at)),
            SecretMatch::Nobody(_) | SecretMatch::Lookalike(_) | SecretMatch::WrongPassword(_) => {
                Some(HeldSecret::Another)
            }
        },
    )
}
