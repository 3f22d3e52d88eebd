//! The keys that a selector matches: found, shown, and confirmed.

use jiff::Timestamp;

use super::Context;
use super::key_selector::{KeyFilter, KeySelector};
use super::usage_reader::UsageReader;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName};
use crate::ui::{DisplayContext, KeyView, SelectedView, counted, selected_table};
use crate::usage::Summary;
use crate::vault::{Record, SortOrder, Vault};

/// How many keys are shown before a confirmation.
const MAX_SHOWN: usize = 50;

/// The keys that a selector matches, by name.
pub struct SelectedKeys {
    keys: Vec<SelectedKey>,
    /// That of keys which could not be read, and may match, too.
    pub status: ExitStatus,
    now: Timestamp,
}

/// A selected key and its use.
struct SelectedKey {
    record: Record,
    summary: Option<Summary>,
}

/// What a command does to keys: `deactivating`, `Deactivate`.
#[derive(Clone, Copy)]
pub struct KeyVerb {
    pub doing: &'static str,
    pub question: &'static str,
}

impl Context {
    /// The keys that match, for a command that reads them. Reports unreadable ones, and that none
    /// matches.
    ///
    /// # Errors
    /// If a selector is invalid or the vault cannot be read.
    pub fn select_to_read(
        &self,
        selector: &KeySelector,
        vault: &Vault,
    ) -> Result<SelectedKeys, Error> {
        let display = self.display();
        let filter = selector.filter(display.now)?;
        self.note_minutes(selector.minutes());
        let mut uses = self.uses(vault);
        self.warn_of_unrecorded_use(filter.unused_since(), &mut uses, &display);
        self.matching(selector, &filter, &|_| true, &mut uses, vault)
    }

    /// The same for a command that changes them, among those to which it applies: decoys only if
    /// they are asked for, and unused ones only if use was recorded for that long.
    ///
    /// # Errors
    /// If a selector is invalid, the vault cannot be read, or it is unknown which keys are unused.
    pub fn select(
        &self,
        selector: &KeySelector,
        fits: Option<fn(&Key, Timestamp) -> bool>,
        vault: &Vault,
    ) -> Result<SelectedKeys, Error> {
        let now = Self::clock();
        let filter = selector.filter(now)?;
        self.expect_no_minutes(selector)?;
        let is_fit = |key: &Key| {
            (!key.is_decoy || selector.is_for_decoys()) && fits.is_none_or(|fits| fits(key, now))
        };
        let mut uses = self.uses(vault);
        let selected = match filter.unused_since() {
            None => self.matching(selector, &filter, &is_fit, &mut uses, vault)?,
            Some(since) => {
                uses.expect_since(since, &self.ui)?;
                let selected = self.matching(selector, &filter, &is_fit, &mut uses, vault)?;
                // Reading may have failed since.
                uses.expect_since(since, &self.ui)?;
                selected
            }
        };
        Ok(selected)
    }

    /// Notes that a span is in minutes, and refuses that where nobody would see which keys it hits.
    fn expect_no_minutes(&self, selector: &KeySelector) -> Result<(), Error> {
        match selector.unused_minutes() {
            Some(span) if self.is_yes => {
                let message = format!("`--unused {span}` is a span of minutes");
                Err(Error::usage(message).with_hint("a month is `1mo`; without --yes it asks"))
            }
            _ => {
                self.note_minutes(selector.minutes());
                Ok(())
            }
        }
    }

    /// The keys that match the filter and fit. Reports unreadable ones, and that there are none.
    fn matching(
        &self,
        selector: &KeySelector,
        filter: &KeyFilter,
        is_fit: &dyn Fn(&Key) -> bool,
        uses: &mut UsageReader,
        vault: &Vault,
    ) -> Result<SelectedKeys, Error> {
        let now = filter.now();
        let mut selected = SelectedKeys {
            keys: Vec::new(),
            status: ExitStatus::Done,
            now,
        };
        let mut page = vault.first_page(SortOrder::Name)?;
        let mut is_more = true;
        while is_more {
            let mut records = Vec::new();
            is_more = vault.next_page(&mut page, |found| match found {
                Ok(record) if filter.matches(&record.key) && is_fit(&record.key) => {
                    records.push(record);
                }
                Ok(_) => {}
                Err(error) => selected.status = selected.status.max(self.report(error.into())),
            })?;
            let summaries = uses.summaries(records.iter(), now, &self.ui);
            let keys = records.into_iter().zip(summaries);
            let keys = keys.map(|(record, summary)| SelectedKey { record, summary });
            let matching =
                |key: &SelectedKey| uses.match_filter(filter, &key.record.key, key.summary);
            selected.keys.extend(keys.filter(matching));
        }
        if selected.keys.is_empty() {
            // A key may have a permission that the settings no longer define.
            if let Some(permission) = &selector.properties.permission {
                self.settings.permissions.expect(permission.clone())?;
            }
            self.ui.note("no key matches");
        }
        Ok(selected)
    }

    /// Warns a reader if it is not known for so long which keys were unused: they count as unused
    /// nevertheless.
    pub fn warn_of_unrecorded_use(
        &self,
        unused_since: Option<Timestamp>,
        uses: &mut UsageReader,
        display: &DisplayContext,
    ) {
        let Some(unused_since) = unused_since else {
            return;
        };
        let ui = &self.ui;
        match uses.since(ui) {
            Some(start) if start <= unused_since => {}
            Some(start) => {
                let effect = "keys may have been used before";
                UsageReader::warn_of_beginning(start, Some(effect), display, ui);
            }
            None => uses.warn_if_missing("keys count as unused since they were created", ui),
        }
    }
}

impl SelectedKeys {
    /// Whether none matches.
    pub fn are_none(&self) -> bool {
        self.keys.is_empty()
    }

    /// Leaves out those for which `keep` returns false.
    ///
    /// # Errors
    /// Those of `keep`.
    pub fn retain(&mut self, keep: impl Fn(&Record) -> Result<bool, Error>) -> Result<(), Error> {
        let mut failure = None;
        self.keys.retain(|key| {
            keep(&key.record).unwrap_or_else(|error| {
                failure = Some(error);
                true
            })
        });
        failure.map_or(Ok(()), Err)
    }

    /// How many match.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// The keys, by name.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &Record> {
        self.keys.iter().map(|key| &key.record)
    }

    /// Their names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &KeyName> {
        self.records().map(|record| &record.key.name)
    }

    /// `3 keys`
    pub fn counted(&self) -> String {
        counted(self.keys.len() as i128, "key", "keys")
    }

    /// Shows what would be done, and asks whether to do it.
    ///
    /// # Errors
    /// If nobody can be asked, unless --yes was given.
    pub fn is_confirmed(&self, verb: KeyVerb, context: &Context) -> Result<bool, Error> {
        if context.is_yes {
            return Ok(true);
        }
        let keys = self.counted();
        self.expect_answer(verb, context)?;
        self.show(context);
        let is_confirmed = context.ui.confirm(&format!("{} {keys}?", verb.question))?;
        if !is_confirmed {
            context.ui.note("nothing was changed");
        }
        Ok(is_confirmed)
    }

    /// Makes sure that there is somebody to ask.
    pub fn expect_answer(&self, verb: KeyVerb, context: &Context) -> Result<(), Error> {
        let needed = format!("{} {} requires confirmation", verb.doing, self.counted());
        let hint = "pass --yes; to see the keys first, use --dry-run";
        context.ui.expect_interactive(&needed, hint)
    }

    /// Shows the keys, as a message; even with --quiet, since a question about them follows.
    pub fn show(&self, context: &Context) {
        let views: Vec<_> = self.views().take(MAX_SHOWN).collect();
        let table = selected_table(&views, &context.display_at(self.now));
        table.lines().for_each(|line| context.ui.print_always(line));
        let more = self.keys.len() - views.len();
        if more > 0 {
            context.ui.print_always(format!("and {more} more"));
        }
    }

    /// Prints the keys, as the result of a dry run.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn print(&self, context: &Context) -> Result<(), Error> {
        let display = context.display_at(self.now);
        let mut listing = context.ui.listing(&display);
        for view in self.views() {
            listing.push(&view)?;
        }
        listing.finish::<SelectedView<'_>>()
    }

    fn views(&self) -> impl Iterator<Item = SelectedView<'_>> {
        self.keys.iter().map(|key| {
            let view = KeyView::new(&key.record.key, self.now);
            SelectedView::new(view.with_use(key.summary))
        })
    }
}
