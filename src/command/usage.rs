//! `postkey usage`: shows how keys were used.

mod month;

use clap::Args;
use jiff::Timestamp;

use crate::context::Context;
use crate::context::key_selector::KeySelector;
use crate::context::selection;
use crate::context::selection::{KeysToRead, NameArgument, chosen_or_all, each};
use crate::context::usage_reader::UsageReader;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{KeyName, Period};
use crate::ui::{DisplayContext, Listing, Ui, UsageView, refusals};
use crate::usage::{Month, UNKNOWN_KEY};
use crate::vault::{self, Page, Record, Vault};

/// Show how often keys were used and refused
///
/// One row per key: the accepted requests (SMTP: logins) today and in the last 7 and 30 days (UTC,
/// including today); a bar for each of the last 14 days, relative to the key's busiest; refusals,
/// with the reason and address of the latest; the last use, a request or a message; and the address
/// of the last request. For SMTP keys also today's messages and their recipients. Without names, it
/// shows all keys that were ever used or refused.
///
/// It records requests to `postkey verify` and `postkey serve`, logins that Dovecot reports to
/// `serve`, and messages that Postfix asks it about. The record, usage.db beside the vault, may be
/// deleted: it holds no keys. It keeps the newest 400 days of each key, or as many as `keep` under
/// `[usage]` in the settings says.
///
/// With --month, a review of every key, used or not, for a calendar month (UTC): requests accepted
/// and refused, days used, the busiest day, messages and recipients.
///
/// Formats: text, json, jsonl, csv (for days, refusals, addresses and mail, only these figures),
/// markdown.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey usage
  postkey usage web ci
  postkey usage --label team=shop
  postkey usage --since 7d --format csv
  postkey usage --month 2026-11 --format markdown")]
pub struct Usage {
    /// Keys to show; `-` reads names from standard input, one per line
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<NameArgument>,
    #[command(flatten)]
    selector: KeySelector,
    /// Only keys that were used or refused within this time, as in 7d
    #[arg(long, value_name = "SPAN")]
    since: Option<Period>,
    /// The review of a month, as in 2026-11
    #[arg(long, value_name = "MONTH", conflicts_with = "since")]
    month: Option<Month>,
}

pub(super) fn run(args: Usage, context: &mut Context) -> Result<ExitStatus, Error> {
    let keys = chosen_or_all(args.names, &args.selector, context)?;
    if let Some(month) = args.month {
        return month::run(month, keys, context);
    }
    let KeysToRead { names, vault } = keys;
    let display = context.display();
    let mut report = UsageReport {
        uses: context.uses(&vault),
        vault,
        since: args
            .since
            .map(|span| span.before(display.now))
            .transpose()?,
        display: &display,
        listing: context.ui.listing(&display),
    };
    let status = match names {
        Some(names) => each(&names, context, |wanted, context| {
            report.one(&wanted.name, &context.ui)
        }),
        None => report.all(context)?,
    };
    report.finish(status, &context.ui)?;
    Ok(status)
}

/// A listing in progress.
struct UsageReport<'a> {
    vault: Vault,
    uses: UsageReader,
    since: Option<Timestamp>,
    display: &'a DisplayContext,
    listing: Listing<'a>,
}

impl UsageReport<'_> {
    fn one(&mut self, name: &KeyName, ui: &Ui) -> Result<ExitStatus, Error> {
        let record = self.vault.find(name)?;
        self.push(&record, ui)?;
        Ok(ExitStatus::Done)
    }

    /// All keys with recorded usage that still exist, page by page; reports unreadable ones.
    fn all(&mut self, context: &Context) -> Result<ExitStatus, Error> {
        let (mut last, mut status) = (UNKNOWN_KEY, ExitStatus::Done);
        loop {
            let keys = self.uses.read(&context.ui, |usage| usage.keys_after(last));
            let Some(&end) = keys.last().filter(|_| self.listing.is_connected()) else {
                return Ok(status);
            };
            last = end;
            let mut page = Page::of(keys);
            let mut records = Vec::new();
            let mut take = |found: Result<Record, vault::Error>| match found {
                Ok(record) => records.push(record),
                Err(error) => status = status.max(context.report(error.into())),
            };
            while self.vault.next_page(&mut page, &mut take)? {}
            for record in records {
                self.push(&record, &context.ui)?;
            }
        }
    }

    fn push(&mut self, record: &Record, ui: &Ui) -> Result<(), Error> {
        let details = self.uses.details(record, ui).unwrap_or_default();
        if self.since.is_some_and(|since| !details.is_since(since)) {
            return Ok(());
        }
        let view = UsageView::new(&record.key, &details, self.display.now);
        self.listing.push(&view)
    }

    /// Ends a listing, and reports what it does not show.
    fn finish(mut self, status: ExitStatus, ui: &Ui) -> Result<(), Error> {
        let is_empty = self.listing.count() == 0;
        self.listing.finish::<UsageView<'_>>()?;
        self.uses.note_if_missing(ui);
        if is_empty && status == ExitStatus::Done && self.uses.are_recorded() {
            ui.note(match self.since {
                Some(_) => "no key was used or refused within this time",
                None => "no use or refusal is recorded yet",
            });
        }
        let nobody = self
            .uses
            .read(ui, |usage| usage.details(UNKNOWN_KEY, self.display.now));
        if !nobody.refused.is_empty() {
            let refused = refusals(&nobody.refused, self.display);
            ui.note(format!("refused without a known key: {refused}"));
        }
        Ok(())
    }
}
