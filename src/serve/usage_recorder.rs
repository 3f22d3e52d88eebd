//! Counts use in memory, to record it once a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::key_usage::{
    Counts, KeyUsage, MailCount, PresentedUse, RequestCount, UnrecordedUse, Use, UseCount,
};
use super::lock::locked;
use super::vault_handle::VaultHandle;
use crate::key::{Allowance, Limit, WindowSpend, WindowUse};
use crate::settings::{Permissions, Retention};
use crate::usage::{Error, MailEvent, RequestEvent, UsageEvent, UsageStore};
use crate::vault::{KeyId, Record};
use crate::verify::Verdict;

/// How many keys are recorded at once: if more are in use, some wait a second or two longer, so
/// that recording does not take more of the processor, nor of the file's write lock, the more keys
/// there are.
const BATCH_SIZE: usize = 2048;

/// The use of every key since it was last recorded.
#[derive(Debug)]
pub(super) struct UsageRecorder {
    usage: Mutex<Option<UsageStore>>,
    /// The same record once more, to read while another thread writes.
    reader: Mutex<Option<UsageStore>>,
    retention: Retention,
    /// The permissions as they are defined, in JSON.
    permissions: String,
    usages: Mutex<HashMap<KeyId, Arc<KeyUsage>>>,
    /// The use of secrets that are always refused: dead ones, whose keys may be deleted, and
    /// decoys.
    refused: Mutex<HashMap<KeyId, Arc<KeyUsage>>>,
    /// Keys with something to record.
    dirty: Mutex<Vec<Arc<KeyUsage>>>,
    unknown_key: Arc<KeyUsage>,
    /// Identifies the vault's file that this is about.
    number: Mutex<Option<u64>>,
}

impl UsageRecorder {
    pub(super) fn new(retention: Retention, permissions: &Permissions) -> Self {
        Self {
            usage: Mutex::default(),
            reader: Mutex::default(),
            retention,
            permissions: permissions.to_json(),
            usages: Mutex::default(),
            refused: Mutex::default(),
            dirty: Mutex::default(),
            unknown_key: Arc::default(),
            number: Mutex::default(),
        }
    }

    /// The use of unknown keys.
    pub(super) fn unknown_key(&self) -> &Arc<KeyUsage> {
        &self.unknown_key
    }

    /// The use of a key's secrets that are always refused; not counted against its limit.
    pub(super) fn refused(&self, key: KeyId, source: &VaultHandle) -> Arc<KeyUsage> {
        self.follow(source);
        let mut refused = locked(&self.refused);
        let key_usage = refused.entry(key).or_insert_with(|| {
            Arc::new(KeyUsage {
                key: Some(key),
                counts: Mutex::default(),
            })
        });
        Arc::clone(key_usage)
    }

    /// The use of a key. Blocks when the key is first seen, to read what it has used of its limit.
    pub(super) fn key_usage(&self, record: &Record, source: &VaultHandle) -> Arc<KeyUsage> {
        self.try_key_usage(record, source).unwrap_or_else(|| {
            let used = self.with(&self.reader, source, |usage| usage.used(record.id));
            self.begin(record.id, used.unwrap_or_default())
        })
    }

    /// The same without blocking, even on a recording in progress. For a key whose limit was
    /// recently removed, earlier use is read at the next recording.
    pub(super) fn try_key_usage(
        &self,
        record: &Record,
        source: &VaultHandle,
    ) -> Option<Arc<KeyUsage>> {
        self.follow(source);
        if let Some(key_usage) = locked(&self.usages).get(&record.id) {
            return Some(Arc::clone(key_usage));
        }
        let used = match record.key.limit() {
            Limit::None => WindowUse::default(),
            Limit::Requests { .. } => self.cached_use(record.id)?,
        };
        Some(self.begin(record.id, used))
    }

    fn cached_use(&self, key: KeyId) -> Option<WindowUse> {
        let opened = self.reader.try_lock().ok()?;
        let usage = opened.as_ref().filter(|usage| usage.is_in_place())?;
        usage.used(key).ok()
    }

    fn begin(&self, key: KeyId, used: WindowUse) -> Arc<KeyUsage> {
        let counts = Counts {
            used,
            ..Counts::default()
        };
        let key_usage = Arc::new(KeyUsage {
            key: Some(key),
            counts: Mutex::new(counts),
        });
        Arc::clone(locked(&self.usages).entry(key).or_insert(key_usage))
    }

    /// Decides on a presented secret, given the use of the key's limit so far, and counts it as a
    /// request.
    pub(super) fn count(
        &self,
        key_usage: &Arc<KeyUsage>,
        presented: PresentedUse<'_>,
        decide: impl FnOnce(WindowUse) -> (Verdict, Option<Allowance>),
    ) -> (Verdict, Option<Allowance>) {
        self.count_as(Use::Request, key_usage, presented, decide)
    }

    /// The same, of any use; refusals are alike.
    pub(super) fn count_as(
        &self,
        accepted: Use,
        key_usage: &Arc<KeyUsage>,
        presented: PresentedUse<'_>,
        decide: impl FnOnce(WindowUse) -> (Verdict, Option<Allowance>),
    ) -> (Verdict, Option<Allowance>) {
        let mut counts = locked(&key_usage.counts);
        let (verdict, mut allowance) = decide(counts.used);
        if verdict.is_accepted() {
            allowance = allowance.map(Allowance::next);
            counts.spend(allowance);
        }
        match accepted {
            Use::Asked if verdict.is_accepted() => {}
            Use::Mail { recipients, unused } if verdict.is_accepted() => {
                counts.give_back(unused);
                counts.note_mail(MailCount {
                    tail: presented.tail.cloned(),
                    mails: 1,
                    recipients,
                    at: presented.at,
                });
            }
            _ => counts.note(verdict, presented),
        }
        let is_first = !std::mem::replace(&mut counts.is_dirty, true);
        drop(counts);
        if is_first {
            locked(&self.dirty).push(Arc::clone(key_usage));
        }
        (verdict, allowance)
    }

    /// Records everything. Blocks.
    pub(super) fn flush_all(&self, source: &VaultHandle) -> Result<(), Error> {
        while !locked(&self.dirty).is_empty() {
            self.flush(source)?;
        }
        Ok(())
    }

    /// Records what has been counted, for the keys that have waited longest if there are very many.
    /// Blocks. What cannot be recorded is kept for the next time, as far as there is room.
    pub(super) fn flush(&self, source: &VaultHandle) -> Result<(), Error> {
        self.follow(source);
        let mut usages = self.take_dirty();
        if usages.is_empty() {
            return Ok(());
        }
        // In the order of their location on disk.
        usages.sort_unstable_by_key(|key_usage| key_usage.key);
        let mut taken = Batch::default();
        for key_usage in &usages {
            taken.add(key_usage);
        }
        let recorded = self.with(&self.usage, source, |usage| {
            let requests = (&taken.request_events[..], &*self.permissions);
            usage.record(&taken.events, &taken.used, &taken.mail_events, requests)
        });
        match recorded {
            Ok(all) => {
                for (key_usage, all) in taken.spent_by.iter().zip(all) {
                    locked(&key_usage.counts).raise(all);
                }
                Ok(())
            }
            Err(error) => {
                taken.put_back();
                locked(&self.dirty).append(&mut usages);
                Err(error)
            }
        }
    }

    fn take_dirty(&self) -> Vec<Arc<KeyUsage>> {
        let mut dirty = locked(&self.dirty);
        let count = dirty.len().min(BATCH_SIZE);
        let later = dirty.split_off(count);
        std::mem::replace(&mut *dirty, later)
    }

    /// Drops counts for another file after the vault was replaced: its numbers mean other keys.
    fn follow(&self, source: &VaultHandle) {
        let number = source.number();
        let mut before = locked(&self.number);
        if number.is_some() && *before != number {
            *before = number;
            locked(&self.usages).clear();
            locked(&self.refused).clear();
            locked(&self.dirty).clear();
            *locked(&self.usage) = None;
            *locked(&self.reader) = None;
        }
    }

    /// Drops unused entries with nothing to record.
    pub(super) fn forget_idle(&self) {
        for usages in [&self.usages, &self.refused] {
            locked(usages).retain(|_, key_usage| Arc::strong_count(key_usage) > 1);
        }
    }

    /// Opens the usage record if necessary, and uses it.
    fn with<T>(
        &self,
        store: &Mutex<Option<UsageStore>>,
        source: &VaultHandle,
        work: impl FnOnce(&mut UsageStore) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut opened = locked(store);
        let mut usage = match opened.take().filter(UsageStore::is_in_place) {
            Some(usage) => usage,
            None => source.open_usage(self.retention)?,
        };
        let outcome = work(&mut usage).map_err(|error| usage.explained(error));
        *opened = Some(usage).filter(|_| outcome.is_ok());
        outcome
    }
}

/// What is being recorded, and for which keys.
#[derive(Default)]
struct Batch<'a> {
    events: Vec<UsageEvent>,
    /// The same, with the key's usage.
    seen: Vec<(UseCount, &'a KeyUsage)>,
    used: Vec<(KeyId, WindowSpend)>,
    /// The key's usage for each of these.
    spent_by: Vec<&'a KeyUsage>,
    mail_events: Vec<MailEvent>,
    /// The same counts, and to which keys they belong.
    mail_of: Vec<(MailCount, &'a KeyUsage)>,
    request_events: Vec<RequestEvent>,
    /// The same counts, and to which keys they belong.
    requests_of: Vec<(RequestCount, &'a KeyUsage)>,
}

impl<'a> Batch<'a> {
    fn add(&mut self, key_usage: &'a KeyUsage) {
        let UnrecordedUse {
            seen,
            spent,
            mail,
            requests,
        } = locked(&key_usage.counts).take();
        for mail in mail {
            self.mail_events
                .extend(key_usage.key.map(|key| mail.of(key)));
            self.mail_of.push((mail, key_usage));
        }
        for requests in requests {
            self.request_events
                .extend(key_usage.key.map(|key| requests.of(key)));
            self.requests_of.push((requests, key_usage));
        }
        for seen in seen {
            self.events.push(seen.of(key_usage.key));
            self.seen.push((seen, key_usage));
        }
        if let Some(key) = key_usage.key.filter(|_| spent.used.count > 0) {
            self.used.push((key, spent));
            self.spent_by.push(key_usage);
        }
    }

    fn put_back(self) {
        for (seen, key_usage) in self.seen {
            locked(&key_usage.counts).put_back(seen);
        }
        for (mail, key_usage) in self.mail_of {
            locked(&key_usage.counts).note_mail(mail);
        }
        for (requests, key_usage) in self.requests_of {
            locked(&key_usage.counts).put_back_requests(requests);
        }
        for ((_, used), key_usage) in self.used.into_iter().zip(self.spent_by) {
            locked(&key_usage.counts).refund(used);
        }
    }
}
