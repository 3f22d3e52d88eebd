//! Reads a secret to be checked: from standard input, or typed without echo; never from an
//! argument.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::Error;
use crate::key::{HashMemory, Limit, Tail, Username, WindowUse, without_mark};
use crate::usage::{self, UsageStore};
use crate::vault::{self, Vault};
use crate::verify::{SecretMatch, match_password, match_secret};

/// The maximum size of standard input, in bytes: far more than a secret.
const MAX_INPUT: u64 = 1024;

/// A secret, its owner, and the vault if it was needed.
pub struct PresentedSecret {
    pub matched: SecretMatch,
    /// When it was presented.
    pub at: Timestamp,
    pub vault: Option<Vault>,
}

/// Reads a secret and looks up its owner; with a login, also among imported passwords. The vault is
/// only opened for a well-formed secret or a login; a missing vault is an error, not a verdict.
pub fn present(context: &Context, login: Option<&Username>) -> Result<PresentedSecret, Error> {
    context.expect_own_home()?;
    PresentedSecret::of(&read(context)?, login, context)
}

impl PresentedSecret {
    /// Looks up the owner of a secret, like [`present`].
    pub fn of(presented: &str, login: Option<&Username>, context: &Context) -> Result<Self, Error> {
        let mut vault = None;
        let matched = matched(presented, login, context, &mut vault);
        let matched = matched.map_err(|error| context.explained(error))?;
        if vault.is_none() {
            context.expect_vault()?;
        }
        Ok(Self {
            matched,
            at: Context::clock(),
            vault,
        })
    }

    /// How much of its limit the key has used in the current window.
    pub fn used(&self, context: &Context) -> Result<WindowUse, usage::Error> {
        let (Some(vault), SecretMatch::Secret(secret)) = (&self.vault, &self.matched) else {
            return Ok(WindowUse::default());
        };
        if secret.record.key.limit() == Limit::None {
            return Ok(WindowUse::default());
        }
        let usage = UsageStore::open(vault, context.settings.wait)?;
        usage.map_or(Ok(WindowUse::default()), |usage| {
            usage.used(secret.record.id)
        })
    }
}

fn matched(
    presented: &str,
    login: Option<&Username>,
    context: &Context,
    vault: &mut Option<Vault>,
) -> Result<SecretMatch, vault::Error> {
    let memory = &mut HashMemory::default();
    let by_tail = |tail: &Tail| opened(vault, context)?.stored(tail);
    let matched = match_secret(presented, by_tail, memory)?;
    let Some(login) = login.map(Username::as_str) else {
        return Ok(matched);
    };
    let by_login = |login: &str| opened(vault, context)?.imported(login);
    match_password(presented, login, matched, by_login, memory)
}

/// Opens the vault when it is first needed.
fn opened<'a>(vault: &'a mut Option<Vault>, context: &Context) -> Result<&'a Vault, vault::Error> {
    let opened = match vault.take() {
        Some(opened) => opened,
        None => context.opened()?,
    };
    Ok(vault.insert(opened))
}

/// The input without the line end that `echo` or a file adds.
fn read(context: &Context) -> Result<Zeroizing<String>, Error> {
    if io::stdin().is_terminal() {
        let hint = "pipe it in, as in printf %s \"$KEY\" | postkey verify";
        context.ui.expect_interactive("no secret given", hint)?;
        return Ok(context.ui.hidden("Secret")?.unwrap_or_default());
    }
    let bytes = read_input(MAX_INPUT)
        .map_err(|error| Error::usage(format!("cannot read standard input: {error}")))?;
    let refused = |why| Error::usage(why).with_hint("give one secret and nothing else");
    if bytes.len() as u64 > MAX_INPUT {
        return Err(refused("standard input holds more than 1 KiB"));
    }
    let text = std::str::from_utf8(without_mark(&bytes))
        .map_err(|_| refused("standard input is not UTF-8 text"))?;
    let line = text
        .strip_suffix("\r\n")
        .or_else(|| text.strip_suffix('\n'));
    Ok(Zeroizing::new(line.unwrap_or(text).to_owned()))
}

/// Reads standard input up to just above the maximum; unbuffered, since std's buffer would keep a
/// copy of the secret.
pub fn read_input(longest: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * longest as usize));
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    input.take(longest + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
