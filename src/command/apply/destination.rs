//! Checks what the destinations of a plan contain before anything is done.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use zeroize::Zeroizing;

use super::scheme::Scheme;
use crate::context::Context;
use crate::delivery::{expect_untracked, held_instead, other_variables};
use crate::destination::DestinationSpec;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, FileRole, env, folder_of};
use crate::key::{Key, KeyName, Secret, Tail};
use crate::manifest::{
    DestinationContents, ManifestError, ManifestKey, Obstacle, Replaced, Step, StepAction,
};
use crate::settings::SmtpServer;
use crate::vault::Vault;

/// The largest file that is read, in bytes; files with saved secrets are much smaller.
const MAX_SIZE: u64 = 1 << 20;

/// Checks the destination of a step: whether it can take the secret of a new key, or still has the
/// secret of an existing one, which is a finding if not.
///
/// # Errors
/// Why the secret cannot be delivered.
pub(super) fn inspect(
    step: &mut Step<'_>,
    scheme: &Scheme<'_>,
    deleted: &[KeyName],
    vault: Option<&Vault>,
    context: &Context,
) -> Result<(), ManifestError> {
    let Some(wanted) = step.wanted() else {
        return Ok(());
    };
    if matches!(step.action, StepAction::Create(_)) {
        let target = scheme.target(wanted, deleted, None);
        let fits = target.and_then(|target| {
            expect_folder(&wanted.destination)?;
            target.expect_accepts(vault)?;
            let file = wanted.destination.file();
            file.map_or(Ok(()), |file| expect_untracked(file, context))
        });
        let found = fits.and_then(|()| replaced(wanted, vault));
        step.replaced = found.map_err(|error| mistake(wanted, error))?;
        return Ok(());
    }
    if let (true, Some(vault), Some(record)) = (scheme.is_dry_run, vault, step.record())
        && let DestinationSpec::Preset(_) = wanted.destination
    {
        let folder = &scheme.source.folder;
        let server = scheme.server(wanted);
        let held = held_instead(&wanted.destination, record, server, folder, vault);
        let held = held.map_err(|error| ManifestError::about(wanted, Error::from(error)))?;
        if let Some(held) = held {
            step.finding.get_or_insert(Obstacle::Held(held));
        }
        return Ok(());
    }
    let server = scheme.server(wanted);
    let contents = step
        .record()
        .map(|record| contents(wanted, &record.key, server));
    match contents.transpose() {
        Ok(None | Some(DestinationContents::It)) => {}
        Ok(Some(contents)) => {
            step.finding.get_or_insert(Obstacle::Place(contents));
        }
        Err(error) => {
            let (why, hint) = (error.to_string(), error.hint().map(str::to_owned));
            step.finding.get_or_insert(Obstacle::Unclear { why, hint });
        }
    }
    Ok(())
}

/// What the destination of a new key's secret contains.
fn replaced(wanted: &ManifestKey, vault: Option<&Vault>) -> Result<Option<Replaced>, Error> {
    let Some(file) = wanted.destination.file() else {
        return Ok(None);
    };
    let Some(text) = text(file)? else {
        return Ok(None);
    };
    let value = value_in(&text, wanted, KeyPart::Secret)?;
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let secret = std::str::from_utf8(value).ok().map(Secret::parse);
    let (Some(Ok(secret)), vault) = (secret, vault) else {
        return Ok(Some(Replaced::Value));
    };
    let tail = secret.tail();
    let Some(vault) = vault else {
        return Ok(Some(Replaced::Foreign));
    };
    Ok(Some(match vault.presented(&tail)? {
        Some(found) => Replaced::SecretOf(found.record.key.name),
        None if vault.has_created(&tail)? => Replaced::Value,
        None => Replaced::Foreign,
    }))
}

fn mistake(wanted: &ManifestKey, error: Error) -> ManifestError {
    ManifestError::about(wanted, error.about(format_args!("`{}`", wanted.name)))
}

fn expect_folder(destination: &DestinationSpec) -> Result<(), Error> {
    match destination.file() {
        Some(file) if !folder_of(file).is_dir() => {
            Err(files::Error::NoFolder(file.to_owned()).into())
        }
        _ => Ok(()),
    }
}

/// What a destination contains, as far as it can be read; secrets are compared by their tails.
///
/// # Errors
/// If its file cannot be read or parsed.
fn contents(
    wanted: &ManifestKey,
    key: &Key,
    server: &SmtpServer,
) -> Result<DestinationContents, Error> {
    let Some(file) = wanted.destination.file() else {
        return Ok(DestinationContents::It);
    };
    let Some(text) = text(file)? else {
        return Ok(DestinationContents::Nothing);
    };
    let secret = value_in(&text, wanted, KeyPart::Secret)?;
    let username = value_in(&text, wanted, KeyPart::Username)?;
    let tail = |tail: &Tail| {
        let tail = tail.as_str().as_bytes();
        secret.is_some_and(|secret| secret.len() > tail.len() && secret.ends_with(tail))
    };
    let has = key.username().map(|username| username.as_str().as_bytes());
    let variables = wanted.variables();
    let of_username = variables
        .as_ref()
        .and_then(|variables| variables.username.as_ref());
    let is_of_username = of_username.is_some();
    Ok(match &key.retiring {
        _ if secret.is_none_or(<[u8]>::is_empty) => DestinationContents::Nothing,
        Some(old) if tail(&old.tail) => DestinationContents::Old(old.until),
        _ if !tail(&key.tail) => DestinationContents::Another,
        _ if is_of_username && username != has => DestinationContents::WrongUsername,
        _ => match variables {
            Some(variables) => {
                let found = env::EnvVariables::read(file, &text)?;
                let other = other_variables(&variables.secret, &found, key, server);
                DestinationContents::with_other_login(other)
            }
            None => DestinationContents::It,
        },
    })
}

/// How a key is delivered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyPart {
    Username,
    Secret,
}

/// The value of a part of a key in the destination's file.
fn value_in<'a>(
    text: &'a [u8],
    wanted: &ManifestKey,
    part: KeyPart,
) -> Result<Option<&'a [u8]>, Error> {
    let Some(variables) = wanted.variables() else {
        return Ok(match part {
            KeyPart::Secret => Some(text.trim_ascii()),
            KeyPart::Username => None,
        });
    };
    let variable = match part {
        KeyPart::Secret => Some(variables.secret),
        KeyPart::Username => variables.username,
    };
    let file = wanted.destination.file().unwrap_or(Path::new(""));
    let variables = env::EnvVariables::read(file, text)?;
    let value = variable.and_then(|variable| variables.value(variable.as_str()));
    Ok(value.map(str::as_bytes))
}

/// The contents of a file; `None` if it does not exist.
fn text(file: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let read = || {
        let found = match fs::metadata(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        // Checked before opening: closing the vault's file would release SQLite's locks.
        files::expect_writable(file, FileRole::Secret).map_err(io::Error::other)?;
        if !found.is_file() || found.len() > MAX_SIZE {
            return Err(io::Error::other("not an env file"));
        }
        Ok(Some(Zeroizing::new(fs::read(file)?)))
    };
    read().map_err(|error| {
        let message = format!("cannot read `{}`: {error}", file.display());
        Error::new(ExitStatus::Trouble, message)
    })
}
