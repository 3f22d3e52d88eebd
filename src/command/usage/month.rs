//! `postkey usage --month`: what a month's use was, key by key.

use crate::context::Context;
use crate::context::selection::{KeysToRead, each};
use crate::context::usage_reader::UsageReader;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::ui::{DisplayContext, Listing, MonthView, Ui, counted};
use crate::usage::{Month, day_of};
use crate::vault::{Record, SortOrder, Vault};

/// A review in progress.
struct MonthReview<'a> {
    month: Month,
    uses: UsageReader,
    display: &'a DisplayContext,
    listing: Listing<'a>,
    unused: usize,
}

pub(super) fn run(
    month: Month,
    keys: KeysToRead,
    context: &mut Context,
) -> Result<ExitStatus, Error> {
    let KeysToRead { names, vault } = keys;
    let display = context.display();
    if month.days().0 > day_of(display.now) {
        let message = format!("{} has not begun", month.title());
        return Err(Error::usage(message).with_hint("name a month that has, as in `2026-11`"));
    }
    let mut review = MonthReview {
        month,
        uses: context.uses(&vault),
        display: &display,
        listing: context.ui.listing(&display),
        unused: 0,
    };
    review.warn_of_unrecorded_days(&context.ui);
    review.expect_readable()?;
    let status = match names {
        Some(names) => each(&names, context, |wanted, context| {
            review.push(&vault.find(&wanted.name)?, &context.ui)?;
            Ok(ExitStatus::Done)
        }),
        None => review.all(&vault, context)?,
    };
    let is_complete = review.expect_readable();
    review.finish(&context.ui)?;
    is_complete?;
    Ok(status)
}

impl MonthReview<'_> {
    fn warn_of_unrecorded_days(&mut self, ui: &Ui) {
        self.uses.note_if_missing(ui);
        let since = self.uses.since(ui);
        if let Some(since) = since.filter(|&since| day_of(since) > self.month.days().0) {
            UsageReader::warn_of_beginning(since, None, self.display, ui);
        }
    }

    /// Makes sure that unknown figures do not pass for zeros.
    fn expect_readable(&self) -> Result<(), Error> {
        match self.uses.are_unreadable() {
            false => Ok(()),
            true => Err(Error::new(
                ExitStatus::Trouble,
                "cannot tell how keys were used: the usage record cannot be read",
            )
            .with_hint("`postkey doctor` checks it")),
        }
    }

    /// All keys that there were in that month and still are.
    fn all(&mut self, vault: &Vault, context: &Context) -> Result<ExitStatus, Error> {
        let mut page = vault.first_page(SortOrder::Name)?;
        let mut status = ExitStatus::Done;
        let mut is_more = true;
        while is_more && self.listing.is_connected() {
            let mut records = Vec::new();
            is_more = vault.next_page(&mut page, |found| match found {
                Ok(record) => records.push(record),
                Err(error) => status = status.max(context.report(error.into())),
            })?;
            for record in records {
                if day_of(record.key.created_at) <= self.month.days().1 {
                    self.push(&record, &context.ui)?;
                }
            }
        }
        Ok(status)
    }

    fn push(&mut self, record: &Record, ui: &Ui) -> Result<(), Error> {
        let month = self.month;
        let used = self.uses.read(ui, |usage| usage.month(record.id, month));
        if self.uses.are_unreadable() {
            return Ok(());
        }
        let view = MonthView::new(&record.key, month, &used, self.display);
        self.unused += usize::from(view.is_unused());
        self.listing.push(&view)
    }

    fn finish(self, ui: &Ui) -> Result<(), Error> {
        let keys = counted(self.listing.count() as i128, "key", "keys");
        self.listing.finish::<MonthView<'_>>()?;
        let title = self.month.title();
        ui.note(match self.unused {
            0 => format!("{title}: {keys}"),
            unused => format!("{title}: {keys}, {unused} not used"),
        });
        Ok(())
    }
}
