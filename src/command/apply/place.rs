//! The places that secrets go to: looked at before anything is made, and served.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use which::which_in;
use zeroize::Zeroizing;

use super::Scheme;
use super::child::ChildCommand;
use super::source::ManifestSource;
use crate::command::apply::steps::Work;
use crate::context::Context;
use crate::delivery::options::{Loss, shape};
use crate::delivery::outcome::Delivery;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, FileRole, env, folder_of, whole};
use crate::key::{Key, KeyName, Secret, Tail, Username, quoted};
use crate::manifest::{
    Destination, DestinationContents, ManifestError, Obstacle, Replaced, Step, StepAction,
    WantedKey,
};
use crate::process;
use crate::ui::Format;
use crate::vault::Vault;

/// How much of a file is looked into, in bytes; no file that secrets are saved in is longer.
const LONGEST: u64 = 1 << 20;

/// Looks at the place that a step is about: whether it can take the secret of a key that is to
/// be made, and whether it has that of one that is there, which becomes a finding if not.
///
/// # Errors
/// Why the secret could not be delivered.
pub(super) fn inspect(
    step: &mut Step<'_>,
    scheme: &Scheme<'_>,
    deleted: &[KeyName],
    vault: Option<&Vault>,
) -> Result<(), ManifestError> {
    let Some(wanted) = step.wanted() else {
        return Ok(());
    };
    if matches!(step.deed, StepAction::Make(_)) {
        let allow = |before: &[u8], after: &[u8]| {
            scheme.expect_no_loss(wanted, deleted, vault, before, after)
        };
        let looked =
            expect_fit(wanted, scheme.source, allow).and_then(|()| replaced(wanted, vault));
        step.replaced = looked.map_err(|error| mistake(wanted, &error))?;
        return Ok(());
    }
    let held = step.record().map(|record| held(&wanted.place, &record.key));
    match held.transpose() {
        Ok(None | Some(DestinationContents::It)) => {}
        Ok(Some(held)) => {
            step.finding.get_or_insert(Obstacle::Place(held));
        }
        Err(error) => {
            let (why, hint) = (error.to_string(), error.hint().map(str::to_owned));
            step.finding.get_or_insert(Obstacle::Unclear { why, hint });
        }
    }
    Ok(())
}

impl Scheme<'_> {
    /// Makes sure that no secret of another key, or another vault, is lost unasked, unless that key
    /// is deleted.
    fn expect_no_loss(
        &self,
        wanted: &WantedKey,
        deleted: &[KeyName],
        vault: Option<&Vault>,
        before: &[u8],
        after: &[u8],
    ) -> Result<(), Error> {
        let Some(file) = wanted.place.file() else {
            return Ok(());
        };
        if self.is_replacing {
            return Ok(());
        }
        match Loss::find(before, after, &wanted.name, vault)? {
            Some(loss) if loss.owner().is_none_or(|owner| !deleted.contains(owner)) => {
                let hint = "let `save` name another file or variable; or pass --replace if that \
                            is obsolete";
                Err(loss.refused(file, hint))
            }
            _ => Ok(()),
        }
    }
}

/// What is where the secret of a key that is to be made goes.
fn replaced(wanted: &WantedKey, vault: Option<&Vault>) -> Result<Option<Replaced>, Error> {
    let Some(file) = wanted.place.file() else {
        return Ok(None);
    };
    let Some(text) = text(file)? else {
        return Ok(None);
    };
    let value = value_in(&text, &wanted.place, KeyPart::Secret)?;
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
        None if vault.has_made(&tail)? => Replaced::Value,
        None => Replaced::Foreign,
    }))
}

fn mistake(wanted: &WantedKey, error: &Error) -> ManifestError {
    let hint = error.hint().map(str::to_owned);
    let message = format!("`{}`: {error}", wanted.name);
    ManifestError::about(wanted, message, hint, error.exit_status())
}

/// Makes sure, as far as that can be told before, that a place takes a secret.
fn expect_fit(
    wanted: &WantedKey,
    source: &ManifestSource,
    allow: impl Fn(&[u8], &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let place = &wanted.place;
    expect_folder(place)?;
    match place {
        Destination::Variables {
            file,
            username,
            secret,
        } => {
            let own = wanted.username.as_ref().map_or(env::ANY, Username::as_str);
            let username = username.iter().map(|variable| (variable.as_str(), own));
            let variables: Vec<_> = username.chain([(secret.as_str(), env::ANY)]).collect();
            env::expect_savable(file, &variables, allow)
        }
        Destination::File(file) => {
            whole::expect_savable(file, shape(Format::Text, wanted.kind), allow)
        }
        Destination::Command { words, .. } => program(words, source).map(drop),
    }
}

fn expect_folder(place: &Destination) -> Result<(), Error> {
    match place.file() {
        Some(file) if !folder_of(file).is_dir() => {
            Err(files::Error::NoFolder(file.to_owned()).into())
        }
        _ => Ok(()),
    }
}

/// Where a command's program is.
fn program(words: &[String], source: &ManifestSource) -> Result<PathBuf, Error> {
    let name = words.first().map_or("", String::as_str);
    let folder = fs::canonicalize(match source.folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => &source.folder,
    });
    let folder = folder.unwrap_or_else(|_| source.folder.clone());
    which_in(name, process::search_path(), folder).map_err(|_| {
        let name = quoted(name);
        let message = format!("program {name} not found");
        Error::new(ExitStatus::Trouble, message)
            .with_hint("install it, or give its full path; programs are looked up in PATH")
    })
}

/// What a place holds, as far as it can be looked into: secrets are told by their tails.
///
/// # Errors
/// If its file cannot be read or is not understood.
fn held(place: &Destination, key: &Key) -> Result<DestinationContents, Error> {
    let Some(file) = place.file() else {
        return Ok(DestinationContents::It);
    };
    let Some(text) = text(file)? else {
        return Ok(DestinationContents::Nothing);
    };
    let secret = value_in(&text, place, KeyPart::Secret)?;
    let username = value_in(&text, place, KeyPart::Username)?;
    let tail = |tail: &Tail| {
        let tail = tail.as_str().as_bytes();
        secret.is_some_and(|secret| secret.len() > tail.len() && secret.ends_with(tail))
    };
    let has = key.username().map(|username| username.as_str().as_bytes());
    let is_of_username = matches!(
        place,
        Destination::Variables {
            username: Some(_),
            ..
        }
    );
    Ok(match &key.retiring {
        _ if secret.is_none_or(<[u8]>::is_empty) => DestinationContents::Nothing,
        Some(old) if tail(&old.tail) => DestinationContents::Old(old.until),
        _ if !tail(&key.tail) => DestinationContents::Another,
        _ if is_of_username && username != has => DestinationContents::WrongUsername,
        _ => DestinationContents::It,
    })
}

/// What a key is given out as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyPart {
    Username,
    Secret,
}

/// What stands for a part of a key in a place's file.
fn value_in<'a>(
    text: &'a [u8],
    place: &Destination,
    part: KeyPart,
) -> Result<Option<&'a [u8]>, Error> {
    let (file, variable) = match (place, part) {
        (Destination::Variables { file, secret, .. }, KeyPart::Secret) => (file, Some(secret)),
        (Destination::Variables { file, username, .. }, KeyPart::Username) => {
            (file, username.as_ref())
        }
        (_, KeyPart::Secret) => return Ok(Some(text.trim_ascii())),
        (_, KeyPart::Username) => return Ok(None),
    };
    let variables = env::EnvVariables::read(file, text)?;
    let value = variable.and_then(|variable| variables.value(variable.as_str()));
    Ok(value.map(str::as_bytes))
}

/// What a file holds; `None` if there is none.
fn text(file: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let read = || {
        let found = match fs::metadata(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        // Before it is opened: to close the vault's file would let go of SQLite's locks.
        files::expect_writable(file, FileRole::Secret).map_err(io::Error::other)?;
        if !found.is_file() || found.len() > LONGEST {
            return Err(io::Error::other("not an env file"));
        }
        Ok(Some(Zeroizing::new(fs::read(file)?)))
    };
    read().map_err(|error| {
        let message = format!("cannot read `{}`: {error}", file.display());
        Error::new(ExitStatus::Trouble, message)
    })
}

/// Delivers the secret of a new key; the caller settles what was saved.
///
/// # Errors
/// With the status `undelivered`.
pub(super) fn deliver(
    wanted: &WantedKey,
    key: &Key,
    secret: &Secret,
    work: &Work<'_>,
    vault: &Vault,
    context: &Context,
) -> Result<Delivery, Error> {
    let undelivered = |error: Error| error.with_status(ExitStatus::Undelivered);
    let Work {
        scheme,
        deleted,
        reprieve,
        ..
    } = work;
    // Others may have written to the file since the plan was made.
    let allow = |before: &[u8], after: &[u8]| {
        scheme.expect_no_loss(wanted, deleted, Some(vault), before, after)
    };
    let source = scheme.source;
    match &wanted.place {
        Destination::Variables {
            file,
            username,
            secret: variable,
        } => {
            let name = key.username().map_or("", |username| username.as_str());
            let username = username.iter().map(|variable| (variable.as_str(), name));
            let secret = [(variable.as_str(), secret.expose())];
            let variables: Vec<_> = username.chain(secret).collect();
            let saved = env::save(file, &variables, allow);
            let saved = saved.map(|changed| Delivery::Saved(changed, file.clone()));
            saved.map_err(undelivered)
        }
        Destination::File(file) => {
            let line = Zeroizing::new([secret.expose().as_bytes(), b"\n"].concat());
            let saved = whole::save(file, shape(Format::Text, wanted.kind), &line, allow);
            let saved = saved.map(|changed| Delivery::Saved(changed, file.clone()));
            saved.map_err(undelivered)
        }
        Destination::Command { words, timeout } => {
            let order = ChildCommand {
                program: program(words, source).map_err(undelivered)?,
                arguments: &words[1..],
                folder: source.folder.clone(),
                variables: variables(key),
                timeout: *timeout,
                reprieve,
            };
            let tell = |line: &str| context.ui.note(format!("{}: {line}", key.name));
            let ran = order.run(secret.expose(), tell);
            ran.map(|()| Delivery::Taken).map_err(|why| {
                let message = format!("{} {why}", wanted.place);
                Error::new(ExitStatus::Undelivered, message)
            })
        }
    }
}

/// What a command is told of the key whose secret it gets.
fn variables(key: &Key) -> Vec<(&'static str, String)> {
    let username = key.username().map(ToString::to_string);
    vec![
        ("POSTKEY_NAME", key.name.to_string()),
        ("POSTKEY_KIND", key.kind().word().to_owned()),
        ("POSTKEY_USERNAME", username.unwrap_or_default()),
    ]
}
