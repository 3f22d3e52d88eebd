//! `postkey regenerate`: a new secret for a key.

use clap::Args;

use super::Session;
use super::issue::{Fresh, same_secret};
use super::passphrase::Source;
use super::receiver::{Overwrite, Receiver, Subject};
use super::selection::{self, Question};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName, Sealer};
use crate::ui::{KeyView, Look};
use crate::vault::Action;

/// Gives a key a new secret; the old one stops at once
///
/// A rotation that is open ends with it: the new secret is the only one. Everything else about
/// the key stays. If the new secret cannot be handed over, the old one
/// goes on working.
///
/// A pipe cannot be waited for: if the program that reads the secret fails later, the new secret is
/// lost and the old one no longer valid. Use --save to write it to a file, or `postkey rotate`,
/// which keeps the old secret valid for a grace period.
///
/// The default key's new secret is sealed as the old one was: under a passphrase that is
/// chosen anew. Where none is given, it is the default key no more.
///
/// Formats: text, json, jsonl, csv, env.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey regenerate ci
  postkey regenerate --yes ci --save ci.env --format env
  NEW=$(postkey regenerate --yes ci)")]
pub struct Regenerate {
    /// Which key; asked for on a terminal
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    #[command(flatten)]
    passphrase: Source,
    #[command(flatten)]
    receiver: Receiver,
    #[command(flatten)]
    overwrite: Overwrite,
}

const QUESTION: Question = Question::of_any("Which key gets a new secret?");

pub(super) fn run(args: Regenerate, session: &mut Session) -> Result<ExitStatus, Error> {
    let Some(name) = selection::name(args.name, QUESTION, session)? else {
        return Ok(selection::nothing_chosen(session));
    };
    args.receiver.expect(session)?;
    let mut vault = session.open_to_change()?;
    let seen = vault.find(&name)?;
    let subject = Subject {
        name: &name,
        kind: seen.key.kind(),
        username: seen.key.username(),
        before: Some(&seen.key),
        overwrite: Some(args.overwrite),
    };
    let target = args.receiver.target(&subject, Some(&vault), session)?;
    let look = session.look();
    if !confirm(&seen.key, session, &look)? {
        session.ui.note("nothing was changed");
        return Ok(ExitStatus::No);
    }
    let author = session.author(Action::Regenerate);
    let is_default = vault.default_id()? == Some(seen.id);
    let sealer = sealer(&seen.key, is_default, &args.passphrase, session)?;
    let fresh = Fresh::generate(seen.key.kind(), &session.settings.brand)?.sealed_by(sealer);
    let key = seen.key.with_secret(fresh.tail());
    session.stage(&fresh, &mut vault, &author, |change| {
        same_secret(&change.find(&name)?, &seen)
    })?;
    let used = session.use_for_programs(&seen, look.now, &vault);
    let view = KeyView::new(&key, look.now).with_use(used);
    session.hand_over(&fresh, view, &target, &mut vault, &author, |change| {
        let found = change.find(&name)?;
        same_secret(&found, &seen)?;
        fresh.replace(&found, &found.key.with_secret(fresh.tail()), change)
    })?;
    announce(&seen.key, &key, session, &look);
    session.tell_of_secret(&key, look.now, is_default, &fresh, &target);
    Ok(ExitStatus::Done)
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
                .with_hint("only the default key's secret is sealed; leave out --passphrase-file"),
        );
    }
    if !is_default || (session.is_yes && !passphrase.is_file()) {
        return Ok(None);
    }
    passphrase.chosen(session)
}

fn confirm(key: &Key, session: &Session, look: &Look) -> Result<bool, Error> {
    if session.is_yes {
        return Ok(true);
    }
    let ending = match key.tail.is_imported() {
        true => "was imported".to_owned(),
        false => look.ending(&key.tail),
    };
    let needed = format!("a new secret for `{}` needs a confirmation", key.name);
    session.ui.expect_person(&needed, "--yes gives it")?;
    session.ui.note(format!(
        "the secret of `{}` that {ending} will stop at once",
        key.name
    ));
    if let Some(old) = key.retiring_at(look.now) {
        let (old, until) = (look.secret(&old.tail), look.moment_and_distance(old.until));
        session.ui.note(format!(
            "so will its old one, {old}, which else works until {until}"
        ));
    }
    session.ui.confirm("Make a new one?")
}

fn announce(old: &Key, new: &Key, session: &Session, look: &Look) {
    let (new_tail, old_tail) = (look.tail(&new.tail), look.secret(&old.tail));
    let stopped = match old.retiring_at(look.now) {
        Some(older) => format!("{} and {old_tail} have", look.secret(&older.tail)),
        None => format!("{old_tail} has"),
    };
    session.ui.note(format!(
        "`{}` has a new secret, {new_tail}; {stopped} stopped",
        new.name
    ));
}
