//! `postkey show`: all that is known of a key.

use clap::Args;

use super::{Session, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::KeyName;
use crate::ui::{KeyDetails, KeyView};

/// How many entries of the log are shown.
const RECENT: usize = 10;

/// Shows all that is known of a key
///
/// The secret is not: only its last characters. With them, the newest entries of the log;
/// `postkey log NAME` shows all.
///
/// Formats: text, json, jsonl, csv (without the log).
#[derive(Args, Debug)]
pub struct Show {
    /// Which key; asked for on a terminal
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
}

pub(super) fn run(args: Show, session: &mut Session) -> Result<ExitStatus, Error> {
    let Some(name) = selection::name(args.name, "Which key?", session)? else {
        return Ok(selection::nothing_chosen(session));
    };
    let vault = session.open()?;
    let record = vault.find(&name)?;
    let log = vault.recent(&record, RECENT)?;
    let key = record.key;
    let look = session.look(&vault);
    let details = KeyDetails::new(KeyView::new(&key, look.now), &log);
    session.ui.result(&details, &details.facts(&look))?;
    Ok(ExitStatus::Done)
}
