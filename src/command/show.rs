//! `postkey show`: all that is known of a key.

use std::collections::VecDeque;

use clap::Args;

use super::{Session, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::KeyName;
use crate::ui::{KeyDetails, KeyView};
use crate::vault::{Entry, Vault};

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
    let key = vault.find(&name)?.key;
    let log = recent(&vault, &key.name)?;
    let look = session.look(&vault)?;
    let details = KeyDetails::new(KeyView::new(&key, look.now), &log);
    session.ui.result(&details, &details.facts(&look))?;
    Ok(ExitStatus::Done)
}

fn recent(vault: &Vault, name: &KeyName) -> Result<Vec<Entry>, Error> {
    let mut recent = VecDeque::with_capacity(RECENT + 1);
    let mut last = 0;
    let take = |recent: &mut VecDeque<Entry>, entry| {
        recent.push_back(entry);
        if recent.len() > RECENT {
            recent.pop_front();
        }
    };
    while vault.log_page(&mut last, Some(name), |entry| take(&mut recent, entry))? {}
    Ok(recent.into())
}
