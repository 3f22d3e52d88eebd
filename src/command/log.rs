//! `postkey log`: who did what when.

use clap::Args;

use super::{Session, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::KeyName;
use crate::ui::{ChainView, EntryView};
use crate::vault::{self, Vault};

/// Tells who did what when
///
/// The oldest entry first. Every change is logged in the same transaction, and each entry is
/// chained to the one before it by a hash. That finds damage and careless edits; whoever can
/// write the vault's file can also write a new chain.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
pub struct Log {
    /// Only keys that have or had this name
    #[arg(conflicts_with = "verify", add = selection::completer())]
    name: Option<KeyName>,
    /// Checks the chain instead: exits 1 if the log was changed
    #[arg(long)]
    verify: bool,
}

pub(super) fn run(args: Log, session: &mut Session) -> Result<ExitStatus, Error> {
    let Some(vault) = session.open_if_any()? else {
        return nothing_yet(&args, session);
    };
    if args.verify {
        return verify(session, &vault);
    }
    let look = session.look(&vault);
    let mut listing = session.ui.listing(&look);
    let mut last = 0;
    loop {
        let mut page = Vec::new();
        let is_more = vault.log_page(&mut last, args.name.as_ref(), |entry| page.push(entry))?;
        for entry in &page {
            listing.push(&EntryView::new(entry))?;
        }
        if !is_more || !listing.is_heard() {
            break;
        }
    }
    let count = listing.count();
    listing.finish::<EntryView<'_>>()?;
    match args.name {
        Some(name) if count == 0 => Err(vault::Error::NoSuchKey(name).into()),
        _ => Ok(ExitStatus::Done),
    }
}

fn verify(session: &Session, vault: &Vault) -> Result<ExitStatus, Error> {
    let chain = vault.verify_log()?;
    let view = ChainView::new(&chain);
    session.ui.result(&view, &view.line())?;
    Ok(if chain.broken.is_none() {
        ExitStatus::Done
    } else {
        ExitStatus::No
    })
}

fn nothing_yet(args: &Log, session: &Session) -> Result<ExitStatus, Error> {
    if args.verify {
        // There is nothing to vouch for.
        session.open()?;
    }
    session.list_nothing::<EntryView<'_>>()
}
