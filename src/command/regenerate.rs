//! `postkey regenerate`: a new secret for a key.

use clap::Args;

use super::issue::Fresh;
use super::passphrase::Source;
use super::{Session, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName, Sealer};
use crate::ui::{KeyView, Look};
use crate::vault::{Error as VaultError, Record};

/// Gives a key a new secret; the old one stops at once
///
/// Everything else about the key stays. If the new secret cannot be handed over, the old one
/// goes on working.
///
/// The default key's new secret is sealed as the old one was: under a passphrase that is
/// chosen anew. Where none is given, it is the default key no more.
///
/// Formats: text, json, jsonl, csv, env.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey regenerate ci
  NEW=$(postkey regenerate --yes ci)")]
pub struct Regenerate {
    /// Which key; asked for on a terminal
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    #[command(flatten)]
    passphrase: Source,
}

pub(super) fn run(args: Regenerate, session: &mut Session) -> Result<ExitStatus, Error> {
    let Some(name) = selection::name(args.name, "Which key gets a new secret?", session)? else {
        return Ok(selection::nothing_chosen(session));
    };
    session.ui.expect_receiver()?;
    let mut vault = session.open_to_change()?;
    let seen = vault.find(&name)?;
    let look = session.look(&vault);
    if !confirm(&seen.key, session, &look)? {
        session.ui.note("nothing was changed");
        return Ok(ExitStatus::No);
    }
    let author = session.author("regenerate");
    let is_default = vault.default_id()? == Some(seen.id);
    let sealer = sealer(&seen.key, is_default, &args.passphrase, session)?;
    let fresh = Fresh::generate(seen.key.kind(), &session.settings.brand)?.sealed_by(sealer);
    let key = with_secret(&seen.key, &fresh);
    session.stage(&fresh, &mut vault, &author, |change| {
        same_secret(&change.find(&name)?, &seen)
    })?;
    let used = session.use_for_programs(&seen, look.now, &vault);
    let view = KeyView::new(&key, look.now).with_use(used);
    session.hand_over(&fresh, view, &mut vault, &author, |change| {
        let found = change.find(&name)?;
        same_secret(&found, &seen)?;
        fresh.replace(&found, &with_secret(&found.key, &fresh), change)
    })?;
    announce(&seen.key, &key, session, &look);
    tell_of_seal(&key, is_default, &fresh, session);
    Ok(ExitStatus::Done)
}

fn with_secret(key: &Key, fresh: &Fresh) -> Key {
    Key {
        tail: fresh.tail(),
        ..key.clone()
    }
}

/// What seals the new secret, if the key is the default one and is to stay that.
///
/// A script that has no passphrase still gets its new secret: what leaked must stop.
fn sealer(
    key: &Key,
    is_default: bool,
    passphrase: &Source,
    session: &Session,
) -> Result<Option<Sealer>, Error> {
    if !is_default && passphrase.is_file() {
        return Err(
            Error::usage(format!("`{}` is not the default key", key.name))
                .hint("only the default key's secret is sealed; leave out --passphrase-file"),
        );
    }
    if !is_default || (session.is_yes && !passphrase.is_file()) {
        return Ok(None);
    }
    passphrase.chosen(session)
}

/// Says whether the new secret can be shown again.
fn tell_of_seal(key: &Key, was_default: bool, fresh: &Fresh, session: &Session) {
    if fresh.is_sealed() {
        let shown = "it stays the default key: `postkey reveal` shows the new secret";
        session.ui.note(shown);
        return;
    }
    session.ui.note("it is shown only this once; keep it now");
    if was_default {
        session.ui.warn(format!(
            "`{}` is the default key no more: its new secret was not sealed",
            key.name
        ));
    }
}

fn confirm(key: &Key, session: &Session, look: &Look) -> Result<bool, Error> {
    if session.is_yes {
        return Ok(true);
    }
    let tail = look.tail(&key.tail);
    let needed = format!("a new secret for `{}` needs a confirmation", key.name);
    session.ui.expect_person(&needed, "--yes gives it")?;
    session.ui.note(format!(
        "the secret of `{}` that ends in {tail} will stop at once",
        key.name
    ));
    session.ui.confirm("Make a new one?")
}

/// The key must not have been given another secret since it was looked at.
fn same_secret(found: &Record, seen: &Record) -> Result<(), VaultError> {
    if found.key.tail == seen.key.tail {
        return Ok(());
    }
    Err(VaultError::Changed(seen.key.name.clone()))
}

fn announce(old: &Key, new: &Key, session: &Session, look: &Look) {
    let (old_tail, new_tail) = (look.tail(&old.tail), look.tail(&new.tail));
    session.ui.note(format!(
        "`{}` has a new secret, {new_tail}; {old_tail} has stopped",
        new.name
    ));
    let standing = new.standing(look.now);
    if standing != crate::key::Standing::Active {
        session.ui.warn(format!(
            "`{}` is {standing}: the new secret is refused until that changes",
            new.name
        ));
    }
}
