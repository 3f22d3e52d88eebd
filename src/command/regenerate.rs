//! `postkey regenerate`: a new secret for a key.

use clap::Args;

use super::issue::Fresh;
use super::{Session, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName};
use crate::ui::{KeyView, Look};
use crate::vault::{Error as VaultError, Record};

/// Gives a key a new secret; the old one stops at once
///
/// Everything else about the key stays. If the new secret cannot be handed over, the old one
/// goes on working.
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
    let fresh = Fresh::generate(seen.key.kind(), &session.settings.brand)?;
    let key = with_secret(&seen.key, &fresh);
    session.stage(&fresh, &mut vault, &author, |change| {
        same_secret(&change.find(&name)?, &seen)
    })?;
    let used = session.use_for_programs(&seen, look.now, &vault);
    let view = KeyView::new(&key, look.now).with_use(used);
    session.hand_over(&fresh, view, &mut vault, &author, |change| {
        let found = change.find(&name)?;
        same_secret(&found, &seen)?;
        change.replace_secret(&found, &with_secret(&found.key, &fresh))
    })?;
    announce(&seen.key, &key, session, &look);
    Ok(ExitStatus::Done)
}

fn with_secret(key: &Key, fresh: &Fresh) -> Key {
    Key {
        tail: fresh.tail(),
        ..key.clone()
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
pub(super) fn same_secret(found: &Record, seen: &Record) -> Result<(), VaultError> {
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
    session.ui.note("it is shown only this once; keep it now");
    let standing = new.standing(look.now);
    if standing != crate::key::Standing::Active {
        session.ui.warn(format!(
            "`{}` is {standing}: the new secret is refused until that changes",
            new.name
        ));
    }
}
