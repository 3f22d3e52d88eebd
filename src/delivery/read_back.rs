//! Reads back what a destination holds, and finds out whose secret that is. No secret is stored.

use std::path::Path;

use zeroize::Zeroizing;

use crate::check::{Finding, HeldSecret};
use crate::delivery::login::ServerLogin;
use crate::delivery::preset_delivery::PresetDelivery;
use crate::delivery::server_variables::ServerVariables;
use crate::delivery::stored_text::PlaceValue;
use crate::destination::{DestinationSpec, DestinationText, LoginField};
use crate::error::Error;
use crate::files::env::{self, EnvVariables};
use crate::key::{HashMemory, Key, Username, Variable, quoted};
use crate::process::{DeferredSignals, kill_by_signal};
use crate::settings::{Settings, SmtpServer};
use crate::vault::{Error as VaultError, Record, Vault};
use crate::verify::{SecretMatch, match_secret};

/// What a destination holds instead of the key's current secret and its login at the mail server
/// `smtp`; `None` if it holds that, or cannot be read back at all. Tools run in `folder`; empty for the
/// current one.
///
/// # Errors
/// If the vault cannot be read.
pub fn held_instead(
    spec: &DestinationSpec,
    record: &Record,
    smtp: &SmtpServer,
    folder: &Path,
    vault: &Vault,
) -> Result<Option<HeldSecret>, VaultError> {
    let held = held(spec, record, smtp, folder);
    if let DestinationSpec::Preset(_) = spec {
        // A tool that a signal stopped has shown nothing.
        let signals = DeferredSignals::begin_once();
        signals.signal().into_iter().for_each(kill_by_signal);
    }
    match held {
        Ok(None) => Ok(None),
        Ok(Some(held)) => {
            let other = Some(held.other_login).filter(|other| !other.is_empty());
            let owner = owner(&held.secret, record, vault)?;
            Ok(owner.or(other.map(HeldSecret::OtherLogin)))
        }
        Err(error) => Ok(Some(HeldSecret::Unreadable(error.to_string()))),
    }
}

/// What a destination holds.
pub(super) struct HeldLogin {
    pub(super) secret: Zeroizing<Vec<u8>>,
    /// What has another value than would be delivered with this secret.
    other_login: Vec<String>,
}

/// The finding that a key's secret is not where the vault remembers that it was delivered.
///
/// # Errors
/// If the vault cannot be read.
pub fn not_delivered(
    record: &Record,
    settings: &Settings,
    vault: &Vault,
) -> Result<Option<Finding>, VaultError> {
    let Some(last) = vault.last_delivery(record.id)? else {
        return Ok(None);
    };
    let here = Path::new("");
    let named = last.destination.parse::<DestinationText>();
    let own: Option<SmtpServer> = last.server.and_then(|server| server.parse().ok());
    let smtp = own.as_ref().unwrap_or(&settings.smtp);
    let held = match named.and_then(|to| to.spec(&record.key.name, &settings.presets, here, &[])) {
        Ok(spec) => held_instead(&spec, record, smtp, here, vault)?,
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
pub(super) fn held(
    spec: &DestinationSpec,
    record: &Record,
    smtp: &SmtpServer,
    folder: &Path,
) -> Result<Option<HeldLogin>, Error> {
    let key = &record.key;
    match spec {
        DestinationSpec::File(file) => {
            let text = env::read(file)?;
            Ok(Some(HeldLogin {
                secret: Zeroizing::new(text.trim_ascii().to_vec()),
                other_login: Vec::new(),
            }))
        }
        DestinationSpec::Env { file, variables } => {
            let text = env::read(file)?;
            let found = EnvVariables::read(file, &text)?;
            let variables = variables.of(&key.name, key.kind());
            let value = found.value(variables.secret.as_str()).unwrap_or_default();
            Ok(Some(HeldLogin {
                secret: Zeroizing::new(value.as_bytes().to_vec()),
                other_login: other_variables(&variables.secret, &found, key, smtp),
            }))
        }
        DestinationSpec::Preset(address) => {
            let delivery = PresetDelivery {
                address: address.clone(),
                server: smtp.clone(),
                folder: folder.to_owned(),
                signals: Some(DeferredSignals::begin_once()),
            };
            held_by_tool(&delivery, key)
        }
        DestinationSpec::Folder(_)
        | DestinationSpec::Job { .. }
        | DestinationSpec::Command { .. } => Ok(None),
    }
}

/// What a secret manager holds.
fn held_by_tool(delivery: &PresetDelivery, key: &Key) -> Result<Option<HeldLogin>, Error> {
    let username = key.username().map_or("", Username::as_str);
    let found = delivery.read(&delivery.places());
    let found = found.map_err(|failure| delivery.error(&failure))?;
    let Some(found) = found.values() else {
        return Ok(None);
    };
    let secret = delivery.secret_in(found);
    let text = std::str::from_utf8(&secret).unwrap_or_default();
    let expected = delivery.values(username, text);
    let differs = |value: &&PlaceValue| !found.contains(value);
    let differing = expected.iter().filter(differs);
    let name = |value: &PlaceValue| match &value.field {
        Some(field) => quoted(field),
        None => "URL".to_owned(),
    };
    let other_login = differing.map(name).collect();
    Ok(Some(HeldLogin {
        secret,
        other_login,
    }))
}

/// The variables for the mail server in an env file that have another value than would be delivered
/// with the secret there. What is not set may never have been.
pub fn other_variables(
    secret: &Variable,
    found: &EnvVariables<'_>,
    key: &Key,
    smtp: &SmtpServer,
) -> Vec<String> {
    let Some(username) = key.username() else {
        return Vec::new();
    };
    let login = ServerLogin {
        username: username.as_str(),
        secret: found.value(secret.as_str()).unwrap_or_default(),
        server: smtp,
    };
    let server = ServerVariables::beside(secret, smtp);
    let all = server.iter().flat_map(ServerVariables::variables);
    let differs = |(field, name): &&(LoginField, Variable)| {
        let value = found.value(name.as_str());
        let expected = login.value(*field);
        value
            .zip(expected)
            .is_some_and(|(value, expected)| value != expected.as_str())
    };
    all.filter(differs)
        .map(|(_, name)| quoted(name.as_str()))
        .collect()
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
