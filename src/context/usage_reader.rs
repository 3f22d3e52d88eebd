//! Reads the usage record as far as possible: a failure is reported once, and does not affect the
//! keys.

use std::collections::HashMap;

use jiff::Timestamp;
use strum::VariantArray;

use crate::check::{DEAD_USE_REPORTED, RecordedUse};
use crate::context::Context;
use crate::context::key_selector::KeyFilter;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::Key;
use crate::ui::{DisplayContext, Ui};
use crate::usage::{
    self, Details, RecentRequests, RefusalFilter, RefusalSummary, Summary, UsageStore,
};
use crate::vault::{Cause, DeadSecret, KeyId, Record, SecretInfo, Vault};
use crate::verify::Verdict;

/// The note if nothing is recorded.
const NOTHING_RECORDED: &str = "no usage is recorded in this vault yet: `postkey verify` records \
                                it, and so does `postkey serve` for gateways and mail servers";

/// The usage record, if it exists and can be read.
pub struct UsageReader {
    usage: Option<UsageStore>,
    now: Timestamp,
    is_left_out: bool,
}

impl Context {
    /// Opens the usage record of a vault.
    pub fn uses(&self, vault: &Vault) -> UsageReader {
        let mut uses = UsageReader {
            usage: None,
            now: Self::clock(),
            is_left_out: false,
        };
        match UsageStore::open(vault, self.settings.wait) {
            Ok(usage) => uses.usage = usage,
            Err(error) => uses.warn_unreadable(&error, &self.ui),
        }
        uses
    }

    /// A summary of a key's use, for programs only.
    pub fn usage_for_programs(
        &self,
        record: &Record,
        now: Timestamp,
        vault: &Vault,
    ) -> Option<Summary> {
        let is_told = self.ui.format.is_for_machines();
        is_told.then(|| self.uses(vault).summary(record, now, &self.ui))?
    }
}

fn use_unknown() -> Error {
    let message = "cannot tell which keys are unused: usage is not recorded for that long";
    Error::new(ExitStatus::Trouble, message)
        .with_hint("name the keys; `postkey list --unused SPAN` shows what is known")
}

impl UsageReader {
    /// Whether usage is recorded, and can be read.
    pub fn are_recorded(&self) -> bool {
        self.usage.is_some()
    }

    /// Whether no usage was ever recorded.
    pub fn are_missing(&self) -> bool {
        self.usage.is_none() && !self.is_left_out
    }

    /// Whether usage is recorded, but cannot be read.
    pub fn are_unreadable(&self) -> bool {
        self.is_left_out
    }

    /// Whether a key is as unused as the filter wants, as far as that can be read.
    pub fn match_filter(&self, filter: &KeyFilter, key: &Key, summary: Option<Summary>) -> bool {
        let is_known = filter.unused_since().is_none() || !self.is_left_out;
        is_known && filter.matches_use(key, summary)
    }

    /// Makes sure that all use since this time is known, before keys are changed for being unused.
    ///
    /// # Errors
    /// If it is not recorded or cannot be read.
    pub fn expect_since(&mut self, start: Timestamp, ui: &Ui) -> Result<(), Error> {
        let is_recorded = self.since(ui).is_some_and(|recorded| recorded <= start);
        match is_recorded && self.are_recorded() {
            true => Ok(()),
            false => Err(use_unknown()),
        }
    }

    /// Notes if no usage was ever recorded.
    pub fn note_if_missing(&self, ui: &Ui) {
        if self.are_missing() {
            ui.note(NOTHING_RECORDED);
        }
    }

    /// Warns that no usage was ever recorded, and what follows from that.
    pub fn warn_if_missing(&self, effect: &str, ui: &Ui) {
        if self.are_missing() {
            ui.warn(format!("no usage is recorded in this vault: {effect}"));
        }
    }

    /// Warns that usage is recorded only since then, and what follows from that.
    pub fn warn_of_beginning(
        since: Timestamp,
        effect: Option<&str>,
        display: &DisplayContext,
        ui: &Ui,
    ) {
        let since = display.date(since);
        let effect = effect.map(|effect| format!(": {effect}"));
        let effect = effect.unwrap_or_default();
        ui.warn(format!(
            "usage has been recorded only since {since}{effect}"
        ));
    }

    fn warn_unreadable(&mut self, error: &usage::Error, ui: &Ui) {
        ui.warn(format!("usage is not shown: {error}"));
        self.usage = None;
        self.is_left_out = true;
    }

    /// When recording began, if that can be read.
    pub fn since(&mut self, ui: &Ui) -> Option<Timestamp> {
        let now = self.now;
        self.read(ui, |usage| usage.since(now))
    }

    /// The refusals of a dead secret since it died.
    pub fn refusals_of(&mut self, dead: &DeadSecret, now: Timestamp, ui: &Ui) -> RefusalSummary {
        let filter = RefusalFilter {
            key: dead.key_id,
            tails: &[&dead.tail],
            verdicts: &[dead.cause.into_str()],
            since: Some(dead.died_at),
        };
        self.read(ui, |usage| usage.refusals(filter, now))
    }

    /// What `read` returns, or the default if it fails.
    pub fn read<T: Default>(
        &mut self,
        ui: &Ui,
        read: impl FnOnce(&UsageStore) -> Result<T, usage::Error>,
    ) -> T {
        let Some(usage) = &self.usage else {
            return T::default();
        };
        read(usage).unwrap_or_else(|error| {
            self.warn_unreadable(&error, ui);
            T::default()
        })
    }

    /// A summary of the use of each key; `None` if none is recorded in the vault.
    pub fn summaries<'a>(
        &mut self,
        records: impl Iterator<Item = &'a Record>,
        now: Timestamp,
        ui: &Ui,
    ) -> Vec<Option<Summary>> {
        if !self.are_recorded() {
            return records.map(|_| None).collect();
        }
        let keys: Vec<_> = records.map(|record| record.id).collect();
        let found = self.read(ui, |usage| usage.summaries(&keys, now));
        let of = |key| found.get(key).copied().unwrap_or_default();
        let is_read = self.are_recorded();
        keys.iter().map(|key| is_read.then(|| of(key))).collect()
    }

    /// A summary of one key's use.
    pub fn summary(&mut self, record: &Record, now: Timestamp, ui: &Ui) -> Option<Summary> {
        let found = self.summaries([record].into_iter(), now, ui);
        found.into_iter().flatten().next()
    }

    /// Everything recorded about a key; `None` if nothing is recorded in the vault.
    pub fn details(&mut self, record: &Record, ui: &Ui) -> Option<Details> {
        let now = self.now;
        self.read(ui, |usage| usage.details(record.id, now).map(Some))
    }

    /// The use of each key: addresses since the first time, and networks that are new since the
    /// second; for a key being rotated, also the use of each secret.
    pub fn used(
        &mut self,
        records: &[Record],
        secrets: &HashMap<KeyId, Vec<SecretInfo>>,
        (since, now): (Timestamp, Timestamp),
        ui: &Ui,
    ) -> Vec<Option<RecordedUse>> {
        let keys: Vec<_> = records.iter().map(|record| record.id).collect();
        let summaries = self.summaries(records.iter(), now, ui);
        let mut recent = self.read(ui, |usage| usage.recent(&keys, now));
        let is_rotating = |key| {
            let all: &[SecretInfo] = secrets.get(key).map_or(&[], Vec::as_slice);
            all.iter().any(|old| old.retires_at > Some(now))
        };
        let used = records.iter().zip(summaries).map(|(record, summary)| {
            let key = &record.id;
            Some(RecordedUse {
                since,
                last_used_at: summary?.last_used_at,
                recent: recent.remove(key).unwrap_or_default(),
                secrets: if is_rotating(key) {
                    self.read(ui, |usage| usage.secrets(*key, now))
                } else {
                    Vec::new()
                },
                dead: self.dead_secrets_of(*key, now, ui),
                decoy: match record.key.is_decoy {
                    true => self.recent_decoy_use(*key, now, ui),
                    false => RefusalSummary::default(),
                },
            })
        });
        used.collect()
    }

    /// Since when requests are recorded, if that can be read.
    pub fn requests_since(&mut self, ui: &Ui) -> Option<Timestamp> {
        self.read(ui, UsageStore::requests_since)
    }

    /// The recent requests of each key, as far as there were any.
    pub fn recent_requests(
        &mut self,
        records: &[Record],
        ui: &Ui,
    ) -> HashMap<KeyId, RecentRequests> {
        let keys: Vec<_> = records.iter().map(|record| record.id).collect();
        let now = self.now;
        let refused_as = Verdict::PermissionMissing.into_str();
        self.read(ui, |usage| usage.recent_requests(&keys, refused_as, now))
    }

    /// The recent refusals of a key's dead secrets.
    pub fn dead_secrets_of(&mut self, key: KeyId, now: Timestamp, ui: &Ui) -> RefusalSummary {
        let causes: Vec<_> = Cause::VARIANTS.iter().map(Cause::into_str).collect();
        let filter = RefusalFilter {
            key,
            tails: &[],
            verdicts: &causes,
            since: Some(now - DEAD_USE_REPORTED),
        };
        self.read(ui, |usage| usage.refusals(filter, now))
    }

    /// The refusals of a decoy's secret.
    pub fn decoy(&mut self, record: &Record, now: Timestamp, ui: &Ui) -> RefusalSummary {
        let filter = RefusalFilter {
            key: record.id,
            tails: &[&record.key.tail],
            verdicts: &[Verdict::Decoy.into_str()],
            since: None,
        };
        self.read(ui, |usage| usage.refusals(filter, now))
    }

    /// The recent refusals of a decoy's current secret.
    fn recent_decoy_use(&mut self, key: KeyId, now: Timestamp, ui: &Ui) -> RefusalSummary {
        let filter = RefusalFilter {
            key,
            tails: &[],
            verdicts: &[Verdict::Decoy.into_str()],
            since: Some(now - DEAD_USE_REPORTED),
        };
        self.read(ui, |usage| usage.refusals(filter, now))
    }

    /// The keys whose secrets were recently refused because the keys are deleted.
    pub fn used_after_deletion(&mut self, now: Timestamp, ui: &Ui) -> Vec<KeyId> {
        let deleted = Cause::Deleted.into_str();
        self.read(ui, |usage| {
            usage.refused_as(deleted, now - DEAD_USE_REPORTED, now)
        })
    }
}
