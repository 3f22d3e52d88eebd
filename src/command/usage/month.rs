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
    let mut review = MonthReview {
        month,
        uses: context.uses(&vault),
        display: &display,
        listing: context.ui.listing(&display),
        unused: 0,
    };
    review.warn_of_unrecorded_days(&context.ui);
    let status = match names {
        Some(names) => each(&names, context, |name, context| {
            review.push(&vault.find(name)?, &context.ui)?;
            Ok(ExitStatus::Done)
        }),
        None => review.all(&vault, &context.ui)?,
    };
    review.finish(&context.ui)?;
    Ok(status)
}

impl MonthReview<'_> {
    fn warn_of_unrecorded_days(&mut self, ui: &Ui) {
        self.uses.note_if_missing(ui);
        let since = self.uses.since(ui);
        if let Some(since) = since.filter(|&since| day_of(since) > self.month.days().0) {
            let date = self.display.date(since);
            ui.warn(format!("usage has been recorded only since {date}"));
        }
    }

    /// All keys that there were in that month and still are.
    fn all(&mut self, vault: &Vault, ui: &Ui) -> Result<ExitStatus, Error> {
        let mut page = vault.first_page(SortOrder::Name)?;
        let mut is_more = true;
        while is_more && self.listing.is_connected() {
            let mut records = Vec::new();
            is_more = vault.next_page(&mut page, |record| records.push(record))?;
            for record in records {
                let record = record?;
                if day_of(record.key.created_at) <= self.month.days().1 {
                    self.push(&record, ui)?;
                }
            }
        }
        Ok(ExitStatus::Done)
    }

    fn push(&mut self, record: &Record, ui: &Ui) -> Result<(), Error> {
        let month = self.month;
        let used = self.uses.read(ui, |usage| usage.month(record.id, month));
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
