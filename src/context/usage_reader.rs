//! What is recorded of the use of keys, as far as it can be read: what cannot is said once and
//! then left out, for no key depends on it.

use std::collections::HashMap;

use jiff::Timestamp;
use strum::VariantArray;

use crate::check::{DEAD_USE_REPORTED, RecordedUse};
use crate::context::Context;
use crate::ui::Ui;
use crate::usage::{self, Details, RefusalFilter, RefusalSummary, Summary, UsageStore};
use crate::vault::{Cause, DeadSecret, KeyId, Record, SecretInfo, Vault};
use crate::verify::Verdict;

/// The record of use, if there is one that can be read.
pub struct UsageReader {
    usage: Option<UsageStore>,
    now: Timestamp,
    is_left_out: bool,
}

impl Context {
    /// Opens what is recorded of the use of the vault's keys.
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

    /// A key's use in short where programs read the result; people are not told of it.
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

impl UsageReader {
    /// Whether use is recorded in the vault, and can be read.
    pub fn are_recorded(&self) -> bool {
        self.usage.is_some()
    }

    /// Whether no use was ever recorded in the vault.
    pub fn are_missing(&self) -> bool {
        self.usage.is_none() && !self.is_left_out
    }

    fn warn_unreadable(&mut self, error: &usage::Error, ui: &Ui) {
        ui.warn(format!("usage is not shown: {error}"));
        self.usage = None;
        self.is_left_out = true;
    }

    /// Since when use is recorded, if any is that can be read.
    pub fn since(&mut self, ui: &Ui) -> Option<Timestamp> {
        let now = self.now;
        self.read(ui, |usage| usage.since(now))
    }

    /// How often a dead secret was presented since it is dead.
    pub fn refusals_of(&mut self, dead: &DeadSecret, now: Timestamp, ui: &Ui) -> RefusalSummary {
        let filter = RefusalFilter {
            key: dead.key_id,
            tails: &[&dead.tail],
            verdicts: &[dead.cause.into_str()],
            since: Some(dead.died_at),
        };
        self.read(ui, |usage| usage.refusals(filter, now))
    }

    /// What `read` finds, or nothing where it cannot be read.
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

    /// The use of each of these keys in short; `None` where none is recorded in the vault.
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

    /// The use of one key in short.
    pub fn summary(&mut self, record: &Record, now: Timestamp, ui: &Ui) -> Option<Summary> {
        let found = self.summaries([record].into_iter(), now, ui);
        found.into_iter().flatten().next()
    }

    /// All that is recorded of a key; `None` where nothing is in the vault.
    pub fn details(&mut self, record: &Record, ui: &Ui) -> Option<Details> {
        let now = self.now;
        self.read(ui, |usage| usage.details(record.id, now).map(Some))
    }

    /// The use of each of these keys, as far as recorded since the first of these moments
    /// and seen from the second; of a key in rotation with the use of its secrets.
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

    /// How often dead secrets of a key were presented lately.
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

    /// How often the secret of a decoy was presented.
    pub fn decoy(&mut self, record: &Record, now: Timestamp, ui: &Ui) -> RefusalSummary {
        let filter = RefusalFilter {
            key: record.id,
            tails: &[&record.key.tail],
            verdicts: &[Verdict::Decoy.into_str()],
            since: None,
        };
        self.read(ui, |usage| usage.refusals(filter, now))
    }

    /// How often a secret of a decoy was presented lately, as long as it had it.
    fn recent_decoy_use(&mut self, key: KeyId, now: Timestamp, ui: &Ui) -> RefusalSummary {
        let filter = RefusalFilter {
            key,
            tails: &[],
            verdicts: &[Verdict::Decoy.into_str()],
            since: Some(now - DEAD_USE_REPORTED),
        };
        self.read(ui, |usage| usage.refusals(filter, now))
    }

    /// The keys of which secrets were refused lately because the keys are deleted.
    pub fn used_after_deletion(&mut self, now: Timestamp, ui: &Ui) -> Vec<KeyId> {
        let deleted = Cause::Deleted.into_str();
        self.read(ui, |usage| {
            usage.refused_as(deleted, now - DEAD_USE_REPORTED, now)
        })
    }
}
