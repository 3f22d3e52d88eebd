//! `postkey log`: who did what when.

use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Args, value_parser};
use jiff::Timestamp;

use crate::arguments;
use crate::context::{Context, saved_head, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, FileRole};
use crate::key::{KeyName, PastTime};
use crate::ui::{ChainView, EntryView, Format};
use crate::vault::{self, Action, Chain, LogFilter, LogOrder, SavedHead, Vault};

/// Print the audit log
///
/// Oldest entries first; on a terminal, newest first. Every change is logged in the same
/// transaction, and each entry is chained to the one before it by a hash. That detects damage and
/// careless edits; whoever can write the vault's file can also write a new chain. A head that is
/// saved elsewhere detects that too, and a vault that was replaced by an older copy.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey log web
  postkey log --last 20
  postkey log --since 30d --action delete,regenerate
  postkey log --since 2026-11-01 --until 2026-12-01 --format csv
  postkey log --verify --save-head /mnt/elsewhere/postkey.head
  postkey log --verify --head /mnt/elsewhere/postkey.head")]
pub struct Log {
    /// Only keys that have or had this name
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    /// The same as NAME
    #[arg(long, value_name = "NAME", conflicts_with = "name", add = selection::completer())]
    key: Option<KeyName>,
    /// Only entries since then: 90d (ago), 2026-11-01 (its first second, UTC), or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    since: Option<PastTime>,
    /// Only entries before then
    #[arg(long, value_name = "WHEN")]
    until: Option<PastTime>,
    /// Only entries of these commands, as in generate,delete
    #[arg(long, value_name = "COMMAND", value_delimiter = ',')]
    #[arg(value_parser = PossibleValuesParser::new(Action::commands()))]
    action: Vec<String>,
    /// Only the last N of them
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u32).range(1..))]
    last: Option<u32>,
    /// Verify the chain instead: exit 1 if the log was changed
    #[arg(long, conflicts_with_all = ["name", "key", "since", "until", "action", "last"])]
    verify: bool,
    /// Also verify that the log continues the head that was saved in a file
    #[arg(long, value_name = "FILE", requires = "verify", value_parser = arguments::paths())]
    head: Option<PathBuf>,
    /// Save the newest entry's number and hash in a file, if the log is valid and continues the
    /// head in that file and the one given with --head; `-` is standard output, and the verdict
    /// then goes to standard error
    #[arg(long, value_name = "FILE", requires = "verify", value_parser = arguments::paths_or_dash())]
    save_head: Option<PathBuf>,
}

pub(super) fn run(mut args: Log, context: &mut Context) -> Result<ExitStatus, Error> {
    let vault = context.open()?;
    if args.verify {
        args.expect_one_result(context)?;
        return verify(&args, context, &vault);
    }
    let sought = args.sought(context)?;
    let count = list(&sought, args.last, context, &vault)?;
    match &sought.key {
        _ if count > 0 => {}
        Some(name) if !vault.is_in_log(name)? => {
            return Err(vault::Error::NoSuchKey(name.clone()).into());
        }
        _ => context.ui.note("no log entry matches"),
    }
    Ok(ExitStatus::Done)
}

impl Log {
    /// The file of a saved head that is to be replaced: the log must go on from it, or one that
    /// was rewritten would pass.
    ///
    /// # Errors
    /// If nothing may be written there; what is there is then not even opened.
    fn replaced_head(&self) -> Result<Option<&Path>, Error> {
        let file = self.save_head.as_deref();
        let Some(file) = file.filter(|file| !arguments::is_dash(file)) else {
            return Ok(None);
        };
        files::expect_writable(file, FileRole::LogHead)?;
        let is_file = fs::symlink_metadata(file).is_ok_and(|found| found.is_file());
        Ok(is_file.then_some(file))
    }

    /// Makes sure that standard output gets one thing only.
    fn expect_one_result(&self, context: &Context) -> Result<(), Error> {
        let is_printed = self.save_head.as_deref().is_some_and(arguments::is_dash);
        match is_printed && context.ui.format.is_for_machines() {
            true => Err(Error::usage(format!(
                "--save-head - and --format {} both write to standard output",
                arguments::word(context.ui.format)
            ))
            .with_hint("leave one of them out, or name a file for the head")),
            false => Ok(()),
        }
    }

    fn sought(&mut self, context: &Context) -> Result<LogFilter, Error> {
        let now = context.display().now;
        let resolve = |past: Option<PastTime>| past.map(|past| past.moment(now)).transpose();
        let (since, until) = (resolve(self.since)?, resolve(self.until)?);
        expect_span(since, until)?;
        Ok(LogFilter {
            key: self.name.take().or(self.key.take()),
            since,
            until,
            actions: self
                .action
                .iter()
                .flat_map(|command| Action::of(command))
                .collect(),
        })
    }
}

/// Between the two there must be something.
fn expect_span(since: Option<Timestamp>, until: Option<Timestamp>) -> Result<(), Error> {
    match (since, until) {
        (Some(since), Some(until)) if since >= until => {
            let message = format!("--since {since} is not before --until {until}");
            Err(Error::usage(message).with_hint("give the earlier one to --since"))
        }
        _ => Ok(()),
    }
}

/// Lists what is sought, page by page; between two pages nothing holds the vault.
fn list(
    sought: &LogFilter,
    count: Option<u32>,
    context: &Context,
    vault: &Vault,
) -> Result<usize, Error> {
    let display = context.display();
    let order = match context.ui.format == Format::Text && context.ui.is_on_terminal() {
        true => LogOrder::Newest,
        false => LogOrder::Oldest,
    };
    let mut last = match (order, count) {
        (LogOrder::Oldest, Some(count)) => vault.log_before_last(count, sought)?,
        _ => order.start(),
    };
    let most = count.map_or(usize::MAX, |count| count as usize);
    let _pager = context.ui.page();
    let mut listing = context.ui.listing(&display);
    loop {
        let mut page = Vec::new();
        let is_more = vault.log_page(&mut last, order, sought, |entry| page.push(entry))?;
        for entry in page.iter().take(most - listing.count()) {
            listing.push(&EntryView::new(entry))?;
        }
        if !is_more || !listing.is_heard() || listing.count() == most {
            break;
        }
    }
    let count = listing.count();
    listing.finish::<EntryView<'_>>()?;
    Ok(count)
}

fn verify(args: &Log, context: &Context, vault: &Vault) -> Result<ExitStatus, Error> {
    let replaced = args.replaced_head()?;
    let before = args.head.as_deref().into_iter().chain(replaced);
    let saved: Vec<SavedHead> = before.map(saved_head::read).collect::<Result<_, _>>()?;
    let chain = vault.verify_log_from(&saved)?;
    let view = ChainView::new(&chain);
    match args.save_head.as_deref().is_some_and(arguments::is_dash) {
        true => context.ui.note(view.line()),
        false => context.ui.result(&view, &view.line())?,
    }
    if chain.broken.is_some() {
        return Ok(ExitStatus::No);
    }
    save(args, &chain, context)?;
    Ok(ExitStatus::Done)
}

fn save(args: &Log, chain: &Chain, context: &Context) -> Result<(), Error> {
    let Some(path) = &args.save_head else {
        return Ok(());
    };
    let newest = chain.newest().ok_or_else(|| {
        Error::new(ExitStatus::Trouble, "the log is empty: no head to save")
            .with_hint("`postkey generate api NAME` creates the first entry")
    })?;
    if arguments::is_dash(path) {
        return context.ui.print(&newest.to_string());
    }
    saved_head::save(&newest, path)?;
    let path = path.display();
    context.ui.note(format!("saved the head in `{path}`"));
    Ok(())
}
