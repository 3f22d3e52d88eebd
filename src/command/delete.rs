//! `postkey delete`: deletes keys for good.

use clap::Args;

use super::Session;
use super::selection::{self, Selector, each};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName, Standing};
use crate::vault::{Record, Vault};

/// Deletes keys for good
///
/// Their secrets are refused from then on and cannot be brought back; the log keeps what
/// happened. To stop a key for a while, deactivate it.
///
/// Asks before: a key that is good now wants its name typed.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey delete ci
  postkey delete --yes ci old-ci
  postkey list --status expired --format csv | tail -n +2 | cut -d, -f1 | postkey delete --yes -")]
pub struct Delete {
    /// Which keys; `-` reads names from standard input, a line each
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<Selector>,
    /// Answers the question for this key, as typing its name does; may be given again
    #[arg(long, value_name = "NAME", add = selection::completer())]
    confirm: Vec<KeyName>,
}

pub(super) fn run(args: Delete, session: &mut Session) -> Result<ExitStatus, Error> {
    let names = selection::names(args.names, "Which key is to be deleted?", session)?;
    let Some(names) = names else {
        return Ok(selection::nothing_chosen(session));
    };
    let mut vault = session.open_to_change()?;
    let now = vault.time(Session::clock())?;
    let mut deleted = Vec::new();
    let highest = each(&names, session, |name, session| {
        let record = vault.find(name)?;
        if !is_confirmed(&record.key, &args.confirm, session, &vault)? {
            session.ui.note(format!("`{name}` was not deleted"));
            return Ok(ExitStatus::No);
        }
        delete(&record, session, &mut vault)?;
        deleted.push(record.key);
        Ok(ExitStatus::Done)
    });
    session.show_keys(&deleted, now)?;
    Ok(highest)
}

fn delete(seen: &Record, session: &Session, vault: &mut Vault) -> Result<(), Error> {
    vault.change(&session.author("delete"), |change| {
        change.expect(seen)?;
        change.delete(seen)
    })?;
    session.ui.note(format!("`{}` is deleted", seen.key.name));
    Ok(())
}

fn is_confirmed(
    key: &Key,
    confirmed: &[KeyName],
    session: &Session,
    vault: &Vault,
) -> Result<bool, Error> {
    if session.is_yes || confirmed.iter().any(|name| name.is_same(&key.name)) {
        return Ok(true);
    }
    let needed = match confirmed {
        [] => format!("deleting `{}` needs a confirmation", key.name),
        [other, ..] => format!("--confirm {other} does not confirm deleting `{}`", key.name),
    };
    let way_out = format!("--yes gives it, or --confirm {}", key.name);
    session.ui.expect_person(&needed, &way_out)?;
    say_what_is_lost(key, session, vault)?;
    if key.standing(session.look(vault).now) != Standing::Active {
        return session.ui.confirm(&format!("Delete `{}`?", key.name));
    }
    is_name_typed(key, session)
}

/// Asks for the key's name; an empty line or the end of input is a no.
fn is_name_typed(key: &Key, session: &Session) -> Result<bool, Error> {
    let typed = session
        .ui
        .line("It is good now; type its name to delete it")?;
    let Some(typed) = typed.filter(|typed| !typed.is_empty()) else {
        return Ok(false);
    };
    let is_it = typed
        .parse()
        .is_ok_and(|typed: KeyName| typed.is_same(&key.name));
    if !is_it {
        session.ui.note("that is not its name");
    }
    Ok(is_it)
}

fn say_what_is_lost(key: &Key, session: &Session, vault: &Vault) -> Result<(), Error> {
    let look = session.look(vault);
    let username = key
        .username()
        .map(|username| format!(" for {username}"))
        .unwrap_or_default();
    let (tail, made) = (look.tail(&key.tail), look.distance(key.created_at));
    session
        .ui
        .note(format!("`{}` will be gone for good:", key.name));
    session.ui.note(format!(
        "  {} key{username}, {}, secret {tail}, made {made}",
        key.kind().title(),
        key.standing(look.now),
    ));
    session
        .ui
        .note("  whatever uses it will be refused from then on");
    Ok(())
}
