//! Tells which recorded requests new permissions would have refused.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::check::PermissionTrial;
use crate::context::Context;
use crate::context::dry_run::DryRun;
use crate::context::usage_reader::UsageReader;
use crate::error::Error;
use crate::key::Permission;
use crate::ui::{KeyView, NarrowedView, TrialView, described_trial};
use crate::usage::{REQUEST_DAYS, RecentRequests, first_request_day};
use crate::vault::{KeyId, Record, Vault};

/// A vault's first use begins its record: what was used within this of its creation was recorded.
const FIRST_USE: SignedDuration = SignedDuration::from_mins(1);

/// What new permissions would have done with recorded requests.
#[derive(Default)]
pub(super) struct Narrowing {
    /// By key.
    trials: HashMap<KeyId, TrialView>,
    /// Whether any may have been refused.
    pub(super) is_doubtful: bool,
}

impl Narrowing {
    /// Warns of each of these keys for which its new permission would have refused recorded
    /// requests, or may have; a dry run tells of all keys what it would have done.
    pub(super) fn report<'a>(
        keys: impl Iterator<Item = (&'a Record, &'a Permission)>,
        vault: &Vault,
        dry_run: DryRun,
        context: &Context,
    ) -> Self {
        let permissions = &context.settings.permissions;
        let is_narrowed = |(record, new): &(&Record, &Permission)| {
            let has = record.key.permission().filter(|_| !record.key.is_decoy);
            has.is_some_and(|has| has != *new && !permissions.is_within(has, new))
        };
        let keys: Vec<_> = keys.filter(is_narrowed).collect();
        let mut narrowing = Self::default();
        if keys.is_empty() {
            return narrowing;
        }
        let mut uses = context.uses(vault);
        if dry_run.is_dry_run {
            uses.note_if_missing(&context.ui);
        }
        let since = uses.requests_since(&context.ui);
        narrowing.warn_of_beginning(&keys, &uses, since, context);
        let records: Vec<_> = keys.iter().map(|(record, _)| (*record).clone()).collect();
        let requests = uses.recent_requests(&records, &context.ui);
        for (record, permission) in keys {
            let known = requests.get(&record.id);
            narrowing.tell(record, permission, known, dry_run, context);
            let trial = known.map(|known| PermissionTrial::of(known, permission, permissions));
            let view = TrialView::new(trial.as_ref(), since);
            narrowing
                .trials
                .extend(uses.are_recorded().then_some((record.id, view)));
        }
        narrowing
    }

    /// Warns if some of these keys may have been used on the last days before requests were
    /// recorded.
    fn warn_of_beginning(
        &mut self,
        keys: &[(&Record, &Permission)],
        uses: &UsageReader,
        since: Option<Timestamp>,
        context: &Context,
    ) {
        let display = context.display();
        let is_before = |begin: Timestamp| {
            let mut keys = keys.iter();
            begin > first_request_day(display.now)
                && keys.any(|(record, _)| record.key.created_at + FIRST_USE < begin)
        };
        if !uses.are_recorded() || !since.is_none_or(is_before) {
            return;
        }
        self.is_doubtful = true;
        context.ui.warn(match since {
            Some(since) => {
                let since = display.date(since);
                format!("requests have been recorded only since {since}")
            }
            None => "requests have not been recorded yet".to_owned(),
        });
    }

    /// Tells what a permission would have done.
    fn tell(
        &mut self,
        record: &Record,
        permission: &Permission,
        requests: Option<&RecentRequests>,
        dry_run: DryRun,
        context: &Context,
    ) {
        let (ui, name) = (&context.ui, &record.key.name);
        let Some(requests) = requests else {
            if dry_run.is_dry_run {
                let none = format!("no requests recorded in the last {REQUEST_DAYS} days");
                ui.note(format!("`{name}`: {none}"));
            }
            return;
        };
        let trial = PermissionTrial::of(requests, permission, &context.settings.permissions);
        let described = described_trial(&trial, permission, &context.display());
        let described = format!("`{name}`: {described}");
        match trial.refused.is_empty() && trial.unknown() == 0 {
            false => {
                self.is_doubtful = true;
                ui.warn(described);
            }
            true if dry_run.is_dry_run => ui.note(described),
            true => {}
        }
    }

    /// Prints changed keys with this for programs.
    pub(super) fn show(
        &self,
        keys: &[Record],
        vault: &Vault,
        context: &Context,
    ) -> Result<(), Error> {
        if !context.ui.format.is_for_machines() {
            return Ok(());
        }
        let display = context.display();
        let summaries = context
            .uses(vault)
            .summaries(keys.iter(), display.now, &context.ui);
        let mut listing = context
            .ui
            .listing(&display)
            .of_fields(NarrowedView::fields());
        let none = TrialView::default();
        for (Record { id, key }, summary) in keys.iter().zip(summaries) {
            let trial = self.trials.get(id).unwrap_or(&none);
            let key = KeyView::new(key, display.now).with_use(summary);
            listing.push_facts(&NarrowedView::new(key, trial), "")?;
        }
        listing.finish_facts::<NarrowedView<'_>>()
    }
}
