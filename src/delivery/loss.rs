//! What a file would lose, or keep although it is no longer valid, if a new secret were saved to
//! it.

use std::path::Path;

use crate::delivery::outcome::overwritten;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::env::{self, EnvVariables};
use crate::key::{Key, KeyName, Scanner, Tail, Variable};
use crate::vault::Vault;

/// Something that a file would lose, and that cannot be shown again or was not to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The current secret of another key.
    SecretOf(KeyName),
    /// A secret that was not created in this vault.
    Foreign,
    /// The username of another key, in this variable.
    UsernameOf(KeyName, String),
}

impl Loss {
    /// What is lost if a file changes from `before` to `after` to save a secret of the key `own`,
    /// in the place of those with the tails `old`.
    pub fn find(
        before: &[u8],
        after: &[u8],
        own: &KeyName,
        old: &[Tail],
        vault: Option<&Vault>,
    ) -> Result<Option<Self>, Error> {
        let lost = overwritten(before, after).into_iter();
        for tail in lost.filter(|tail| !old.contains(tail)) {
            if let Some(loss) = secret_loss(&tail, own, vault)? {
                return Ok(Some(loss));
            }
        }
        match vault {
            Some(vault) => username_loss(before, after, own, vault),
            None => Ok(None),
        }
    }

    /// The other key that is affected.
    pub fn owner(&self) -> Option<&KeyName> {
        match self {
            Self::SecretOf(owner) | Self::UsernameOf(owner, _) => Some(owner),
            Self::Foreign => None,
        }
    }

    /// The error, with a hint how to save the secret elsewhere.
    pub fn refused(&self, path: &Path, hint: &str) -> Error {
        let path = path.display();
        let (message, question) = match self {
            Self::SecretOf(owner) => (
                format!("`{path}` holds the secret of `{owner}`, which would be lost"),
                "",
            ),
            Self::Foreign => (
                format!(
                    "`{path}` holds a secret that was not created in this vault, which would be \
                     lost"
                ),
                "is this the right vault (--vault)? ",
            ),
            Self::UsernameOf(owner, variable) => (
                format!("`{variable}` in `{path}` holds the username of `{owner}`"),
                "",
            ),
        };
        Error::new(ExitStatus::Trouble, message).with_hint(format!("{question}{hint}"))
    }
}

fn secret_loss(tail: &Tail, own: &KeyName, vault: Option<&Vault>) -> Result<Option<Loss>, Error> {
    let Some(vault) = vault else {
        return Ok(Some(Loss::Foreign));
    };
    Ok(match vault.presented(tail)? {
        Some(found) if found.retires_at.is_some() || found.record.key.name == *own => None,
        Some(found) => Some(Loss::SecretOf(found.record.key.name)),
        None if vault.has_created(tail)? => None,
        None => Some(Loss::Foreign),
    })
}

fn username_loss(
    before: &[u8],
    after: &[u8],
    own: &KeyName,
    vault: &Vault,
) -> Result<Option<Loss>, Error> {
    // A file that is not an env file has no variables to lose.
    let read = |text| EnvVariables::read(Path::new(""), text).ok();
    let Some((before, after)) = read(before).zip(read(after)) else {
        return Ok(None);
    };
    for (name, value) in before.all() {
        if after.value(name) == Some(value) {
            continue;
        }
        let others = vault.names_of_username(value)?;
        if let Some(owner) = others.into_iter().find(|owner| owner != own) {
            return Ok(Some(Loss::UsernameOf(owner, name.to_owned())));
        }
    }
    Ok(None)
}

/// The key's current secrets, of which one or both are replaced.
pub fn tails_of(key: &Key) -> Vec<Tail> {
    let retiring = key.retiring.as_ref().map(|old| old.tail.clone());
    [key.tail.clone()].into_iter().chain(retiring).collect()
}

/// Makes sure that no variable of an env file would keep a replaced secret: one that is part of a
/// longer value cannot be replaced, except in the variables `set`.
pub fn expect_none_left(
    path: &Path,
    before: &[u8],
    after: &[u8],
    old: &[Tail],
    set: &[&Variable],
) -> Result<(), Error> {
    let has_old = |text: &[u8]| {
        let found = Scanner::secrets_in(text);
        found.iter().any(|secret| old.contains(&secret.tail()))
    };
    if old.is_empty() || !has_old(before) {
        return Ok(());
    }
    let is_whole = |value: &str| old.iter().any(|tail| is_secret(value, tail));
    let before = env::EnvVariables::read(path, before)?;
    let within = before.find(|value| !is_whole(value) && has_old(value.as_bytes()));
    let within = within.filter(|(_, name)| !set.iter().any(|own| own.as_str() == *name));
    let after = env::EnvVariables::read(path, after)?;
    let left = after.find(|value| has_old(value.as_bytes()));
    let Some((line, name)) = within.or(left) else {
        return Ok(());
    };
    let path = path.display();
    let message = format!(
        "line {line} of `{path}`: the value of `{name}` contains the secret that is replaced"
    );
    Err(Error::new(ExitStatus::Trouble, message).with_hint(
        "remove the secret from that value, or name another file and change that value yourself",
    ))
}

/// Whether a value is exactly the secret with that tail.
pub fn is_secret(value: &str, tail: &Tail) -> bool {
    crate::key::Secret::parse(value).is_ok_and(|secret| secret.tail() == *tail)
}
