//! `postkey log`: prints the audit log.

mod verify;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, value_parser};
use jiff::Timestamp;

use crate::arguments;
use crate::context::key_selector::KeySelector;
use crate::context::{Context, did_you_mean, nearest_in_log, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{KeyName, PastTime};
use crate::ui::{EntryView, Format};
use crate::vault::{self, Action, LogFilter, LogOrder, Vault};
use verify::VerifyLog;

/// Print the audit log, or verify it
///
/// Oldest entries first; on a terminal, newest first. Every change is logged in the same
/// transaction. `postkey log verify` verifies that the log was not changed; `postkey log -- verify`
/// prints the entries of a key with that name.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(override_usage = "postkey log [OPTIONS] [NAME]\n       postkey log verify [OPTIONS]")]
#[command(disable_help_subcommand = true)]
#[command(after_long_help = "\
Examples:
  postkey log web
  postkey log --last 20
  postkey log --label team=shop --since 30d
  postkey log --since 30d --action delete,regenerate
  postkey log --since 2026-11-01 --until 2026-12-01 --format csv
  postkey log verify")]
pub struct Log {
    #[command(subcommand)]
    command: Option<LogCommand>,
    #[command(flatten)]
    filters: Option<Filters>,
    #[command(flatten)]
    selector: KeySelector,
    /// The former spelling of `log verify`, with its options
    #[arg(long, hide = true)]
    verify: bool,
    #[arg(long, hide = true, value_parser = arguments::paths())]
    head: Option<PathBuf>,
    #[arg(long, hide = true, value_parser = arguments::paths_or_dash())]
    save_head: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    Verify(VerifyLog),
}

/// The filters.
#[derive(Args, Debug, Default)]
struct Filters {
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
}

/// The hint if a part of the log should be verified, or a key is named like the subcommand.
const WHOLE_LOG_ONLY: &str =
    "omit NAME and the filters; `--key verify` prints the entries of a key with that name";

pub(super) fn run(mut args: Log, context: &mut Context) -> Result<ExitStatus, Error> {
    let has_filters = args.filters.is_some() || args.selector.given().is_some();
    match args.verification() {
        Some(_) if has_filters => {
            Err(Error::usage("`log verify` verifies the whole log").with_hint(WHOLE_LOG_ONLY))
        }
        Some(verification) => verify::run(&verification, context),
        None => print(args.filters.unwrap_or_default(), &args.selector, context),
    }
}

/// Prints the entries that the filters choose.
fn print(filters: Filters, selector: &KeySelector, context: &Context) -> Result<ExitStatus, Error> {
    let has_name = filters.name.is_some() || filters.key.is_some();
    selection::expect_one_way(has_name, selector.given())?;
    let vault = context.open()?;
    let last = filters.last;
    let mut log_filter = filters.log_filter(context)?;
    let mut status = ExitStatus::Done;
    if selector.given().is_some() {
        let keys = context.select_to_read(selector, &vault)?;
        log_filter.ids = Some(keys.records().map(|record| record.id).collect());
        status = keys.status;
    }
    let count = list(&log_filter, last, context, &vault)?;
    match &log_filter.key {
        _ if count > 0 => {}
        Some(name) if !vault.is_in_log(name)? => {
            return Err(no_entry_of(name, &vault));
        }
        _ if log_filter.ids.as_ref().is_some_and(Vec::is_empty) => {}
        _ => context.ui.note("no log entry matches"),
    }
    Ok(status)
}

/// Reports that no key has or had this name, with the closest name.
fn no_entry_of(name: &KeyName, vault: &Vault) -> Error {
    let error = Error::from(vault::Error::NoSuchKey(name.clone()));
    match nearest_in_log(name, vault) {
        Some(near) => error.with_hint(did_you_mean(&near)),
        None => error,
    }
}

impl Log {
    /// The options of `log verify`.
    fn verification(&mut self) -> Option<VerifyLog> {
        let (head, save_head) = (self.head.take(), self.save_head.take());
        let is_former = self.verify || head.is_some() || save_head.is_some();
        match self.command.take() {
            Some(LogCommand::Verify(verification)) => Some(verification),
            None => is_former.then_some(VerifyLog { head, save_head }),
        }
    }
}

impl Filters {
    fn log_filter(self, context: &Context) -> Result<LogFilter, Error> {
        let now = context.display().now;
        let resolve = |past: Option<PastTime>| past.map(|past| past.moment(now)).transpose();
        let (since, until) = (resolve(self.since)?, resolve(self.until)?);
        expect_span(since, until)?;
        Ok(LogFilter {
            key: self.name.or(self.key),
            ids: None,
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

/// Makes sure that the two times are in order.
fn expect_span(since: Option<Timestamp>, until: Option<Timestamp>) -> Result<(), Error> {
    match (since, until) {
        (Some(since), Some(until)) if since >= until => {
            let message = format!("--since {since} is not before --until {until}");
            Err(Error::usage(message).with_hint("--since must be the earlier time"))
        }
        _ => Ok(()),
    }
}

/// Prints the entries, page by page; the vault is not locked between two pages.
fn list(
    log_filter: &LogFilter,
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
        (LogOrder::Oldest, Some(count)) => vault.log_before_last(count, log_filter)?,
        _ => order.start(),
    };
    let most = count.map_or(usize::MAX, |count| count as usize);
    let _pager = context.ui.page();
    let mut listing = context.ui.listing(&display);
    loop {
        let mut page = Vec::new();
        let is_more = vault.log_page(&mut last, order, log_filter, |entry| page.push(entry))?;
        for entry in page.iter().take(most - listing.count()) {
            listing.push(&EntryView::new(entry))?;
        }
        if !is_more || !listing.is_connected() || listing.count() == most {
            break;
        }
    }
    let count = listing.count();
    listing.finish::<EntryView<'_>>()?;
    Ok(count)
}
