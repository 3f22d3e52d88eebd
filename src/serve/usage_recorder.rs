//! Counting uses in memory, and recording them once a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use smallvec::SmallVec;

use crate::key::{Allowance, Limit, Tail, WindowSpend, WindowUse};
use crate::serve::vault_handle::VaultHandle;
use crate::settings::Retention;
use crate::usage::{Error, UsageEvent, UsageStore};
use crate::vault::{KeyId, Record};
use crate::verify::Verdict;

/// How many kinds of presentations of one key are told apart until they are recorded; of more,
/// the address is lost, and of twice as many also which secret was refused.
const TOLD_APART: usize = 16;

/// Of how many keys at most uses are recorded in one go: of more that are in use at a time, some
/// wait a second or two longer, so that recording takes no more of the processor, nor of the
/// file's one writer, the more keys there are.
const AT_ONCE: usize = 2048;

/// What every key was used for since it was last recorded.
#[derive(Debug)]
pub(super) struct UsageRecorder {
    usage: Mutex<Option<UsageStore>>,
    retention: Retention,
    tallies: Mutex<HashMap<KeyId, Arc<KeyUsage>>>,
    /// Those of secrets that are refused whatever is asked: dead ones, whose keys may be gone, too,
    /// and decoys.
    refused: Mutex<HashMap<KeyId, Arc<KeyUsage>>>,
    /// Those with something to record.
    dirty: Mutex<Vec<Arc<KeyUsage>>>,
    nobody: Arc<KeyUsage>,
    /// Which file the tallies are about.
    number: Mutex<Option<u64>>,
}

/// The use of one key, or of none that is known.
#[derive(Debug, Default)]
pub(super) struct KeyUsage {
    key: Option<KeyId>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    used: WindowUse,
    unsaved: WindowSpend,
    /// Mostly there is but one; it lies here then.
    seen: SmallVec<[Seen; 1]>,
    is_dirty: bool,
}

/// Presentations that are recorded as one [`UsageEvent`] of one key; smaller, since there may
/// be one of every key.
#[derive(Debug)]
struct Seen {
    tail: Option<Tail>,
    verdict: &'static str,
    count: u32,
    at: Timestamp,
    address: Option<IpAddr>,
}

/// How a secret was presented.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presentation<'a> {
    pub(super) tail: Option<&'a Tail>,
    pub(super) address: Option<IpAddr>,
    pub(super) at: Timestamp,
}

impl UsageRecorder {
    pub(super) fn new(retention: Retention) -> Self {
        Self {
            usage: Mutex::default(),
            retention,
            tallies: Mutex::default(),
            refused: Mutex::default(),
            dirty: Mutex::default(),
            nobody: Arc::default(),
            number: Mutex::default(),
        }
    }

    /// The usage of what no key could be found for.
    pub(super) fn nobody(&self) -> &Arc<KeyUsage> {
        &self.nobody
    }

    /// The usage of a key's secrets that are refused whatever is asked, its limit aside.
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

    /// A key's usage. Blocks: what the key has used of its limit is read when it is first seen.
    pub(super) fn key_usage(&self, record: &Record, source: &VaultHandle) -> Arc<KeyUsage> {
        self.key_usage_at_hand(record, source).unwrap_or_else(|| {
            let used = self.with_usage(source, |usage| usage.used(record.id));
            self.begin(record.id, used.unwrap_or_default())
        })
    }

    /// The same without blocking, if nobody has to be waited for: uses may be being recorded. What
    /// a key without a limit used of one that it had shortly before is learned at the next recording.
    pub(super) fn key_usage_at_hand(
        &self,
        record: &Record,
        source: &VaultHandle,
    ) -> Option<Arc<KeyUsage>> {
        self.follow(source);
        if let Some(key_usage) = locked(&self.tallies).get(&record.id) {
            return Some(Arc::clone(key_usage));
        }
        let used = match record.key.limit() {
            None | Some(Limit::None) => WindowUse::default(),
            Some(_) => self.used_at_hand(record.id)?,
        };
        Some(self.begin(record.id, used))
    }

    fn used_at_hand(&self, key: KeyId) -> Option<WindowUse> {
        let opened = self.usage.try_lock().ok()?;
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
        Arc::clone(locked(&self.tallies).entry(key).or_insert(key_usage))
    }

    /// Decides on one presentation after the use of the key's limit so far, and counts it.
    pub(super) fn count(
        &self,
        key_usage: &Arc<KeyUsage>,
        presented: Presentation<'_>,
        decide: impl FnOnce(WindowUse) -> (Verdict, Option<Allowance>),
    ) -> (Verdict, Option<Allowance>) {
        let mut counts = locked(&key_usage.counts);
        let (verdict, mut allowance) = decide(counts.used);
        if verdict.is_accepted() {
            allowance = allowance.map(Allowance::spent);
            counts.spend(allowance);
        }
        counts.note(verdict, presented);
        let is_first = !std::mem::replace(&mut counts.is_dirty, true);
        drop(counts);
        if is_first {
            locked(&self.dirty).push(Arc::clone(key_usage));
        }
        (verdict, allowance)
    }

    /// Records all that was counted. Blocks.
    ///
    /// # Errors
    /// Why it could not be recorded.
    pub(super) fn flush_all(&self, source: &VaultHandle) -> Result<(), Error> {
        while !locked(&self.dirty).is_empty() {
            self.flush(source)?;
        }
        Ok(())
    }

    /// Records what was counted since the last time, of the keys that wait longest if there are
    /// very many. Blocks. What cannot be recorded is kept for the next time, as far as there is
    /// room.
    ///
    /// # Errors
    /// Why it could not be recorded.
    pub(super) fn flush(&self, source: &VaultHandle) -> Result<(), Error> {
        self.follow(source);
        let mut tallies = self.waiting_longest();
        if tallies.is_empty() {
            return Ok(());
        }
        // In the order in which they lie on the disk.
        tallies.sort_unstable_by_key(|key_usage| key_usage.key);
        let mut taken = Taken::default();
        for key_usage in &tallies {
            taken.add(key_usage);
        }
        let recorded = self.with_usage(source, |usage| usage.record(&taken.sightings, &taken.used));
        match recorded {
            Ok(all) => {
                for (key_usage, all) in taken.spenders.iter().zip(all) {
                    locked(&key_usage.counts).raise(all);
                }
                Ok(())
            }
            Err(error) => {
                taken.put_back();
                locked(&self.dirty).append(&mut tallies);
                Err(error)
            }
        }
    }

    fn waiting_longest(&self) -> Vec<Arc<KeyUsage>> {
        let mut dirty = locked(&self.dirty);
        let count = dirty.len().min(AT_ONCE);
        let later = dirty.split_off(count);
        std::mem::replace(&mut *dirty, later)
    }

    /// Drops what was counted for another file, once it was replaced: its numbers mean other
    /// keys.
    fn follow(&self, source: &VaultHandle) {
        let number = source.number();
        let mut before = locked(&self.number);
        if number.is_some() && *before != number {
            *before = number;
            locked(&self.tallies).clear();
            locked(&self.refused).clear();
            locked(&self.dirty).clear();
            *locked(&self.usage) = None;
        }
    }

    /// Lets go of the tallies that nobody holds and that have nothing to record.
    pub(super) fn forget_idle(&self) {
        for tallies in [&self.tallies, &self.refused] {
            locked(tallies).retain(|_, key_usage| Arc::strong_count(key_usage) > 1);
        }
    }

    /// Works with the usage data, opened again if they were deleted or could not be used.
    fn with_usage<T>(
        &self,
        source: &VaultHandle,
        work: impl FnOnce(&mut UsageStore) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut opened = locked(&self.usage);
        let mut usage = match opened.take().filter(UsageStore::is_in_place) {
            Some(usage) => usage,
            None => source.open_usage(self.retention)?,
        };
        let outcome = work(&mut usage).map_err(|error| usage.explained(error));
        *opened = Some(usage).filter(|_| outcome.is_ok());
        outcome
    }
}

/// What is about to be recorded, and whose it is.
#[derive(Default)]
struct Taken<'a> {
    sightings: Vec<UsageEvent>,
    /// The same, and the tally of each.
    seen: Vec<(Seen, &'a KeyUsage)>,
    used: Vec<(KeyId, WindowSpend)>,
    /// The tally of each use.
    spenders: Vec<&'a KeyUsage>,
}

impl<'a> Taken<'a> {
    fn add(&mut self, key_usage: &'a KeyUsage) {
        let (seen, unsaved) = locked(&key_usage.counts).take();
        for seen in seen {
            self.sightings.push(seen.of(key_usage.key));
            self.seen.push((seen, key_usage));
        }
        if let Some(key) = key_usage.key.filter(|_| unsaved.used.count > 0) {
            self.used.push((key, unsaved));
            self.spenders.push(key_usage);
        }
    }

    fn put_back(self) {
        for (seen, key_usage) in self.seen {
            locked(&key_usage.counts).put_back(seen);
        }
        for ((_, used), key_usage) in self.used.into_iter().zip(self.spenders) {
            locked(&key_usage.counts).owe(used);
        }
    }
}

impl Seen {
    fn of(&self, key: Option<KeyId>) -> UsageEvent {
        UsageEvent {
            key,
            tail: self.tail.clone(),
            verdict: self.verdict,
            count: self.count,
            at: self.at,
            address: self.address,
        }
    }
}

impl Counts {
    /// Takes presentations back that could not be recorded, if there is room for them.
    fn put_back(&mut self, seen: Seen) {
        self.is_dirty = true;
        if self.seen.len() < TOLD_APART {
            self.seen.push(seen);
        }
    }

    /// Takes back a use that could not be recorded, if its window is not over.
    fn owe(&mut self, spent: WindowSpend) {
        let unsaved = &mut self.unsaved.used;
        if unsaved.count == 0 {
            self.unsaved = spent;
        } else if unsaved.since == spent.used.since {
            unsaved.count = unsaved.count.saturating_add(spent.used.count);
        }
    }

    fn spend(&mut self, allowance: Option<Allowance>) {
        let Some(allowance) = allowance else {
            return;
        };
        let used = allowance.used;
        self.used = used;
        if self.unsaved.used.since != used.since {
            self.unsaved = allowance.owing(0);
        }
        self.unsaved.used.count += 1;
    }

    /// Counts a presentation with those that are like it.
    fn note(&mut self, verdict: Verdict, presented: Presentation<'_>) {
        let Presentation { tail, address, at } = presented;
        if self.is_noted(verdict, tail, address, at) {
            return;
        }
        let kinds = self.seen.len();
        let address = address.filter(|_| kinds < TOLD_APART);
        let tail = tail.filter(|_| kinds < 2 * TOLD_APART || verdict.is_accepted());
        if kinds >= TOLD_APART && self.is_noted(verdict, tail, address, at) {
            return;
        }
        self.seen.push(Seen {
            tail: tail.cloned(),
            verdict: verdict.word(),
            count: 1,
            at,
            address,
        });
    }

    /// Counts one more of a kind of which there are some already.
    fn is_noted(
        &mut self,
        verdict: Verdict,
        tail: Option<&Tail>,
        address: Option<IpAddr>,
        at: Timestamp,
    ) -> bool {
        let verdict = verdict.word();
        let mut like = self.seen.iter_mut().filter(|seen| {
            seen.verdict == verdict && seen.tail.as_ref() == tail && seen.address == address
        });
        let Some(seen) = like.next() else {
            return false;
        };
        seen.count = seen.count.saturating_add(1);
        seen.at = at;
        true
    }

    /// Takes out what is to be recorded.
    fn take(&mut self) -> (SmallVec<[Seen; 1]>, WindowSpend) {
        self.is_dirty = false;
        let unsaved = std::mem::take(&mut self.unsaved);
        (std::mem::take(&mut self.seen), unsaved)
    }

    /// Takes over what others used of the limit in the same window.
    fn raise(&mut self, all: WindowUse) {
        if self.used.since == all.since {
            let unsaved = if self.unsaved.used.since == all.since {
                self.unsaved.used.count
            } else {
                0
            };
            self.used.count = self.used.count.max(all.count.saturating_add(unsaved));
        }
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
