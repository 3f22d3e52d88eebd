//! Counting uses in memory, and recording them once a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use smallvec::SmallVec;

use super::source::Source;
use crate::key::{Allowance, Tail, Used};
use crate::usage::{Error, Sighting, Usage};
use crate::vault::KeyId;
use crate::verify::Verdict;

/// How many kinds of presentations of one key are told apart until they are recorded; of more,
/// the address is lost.
const TOLD_APART: usize = 16;

/// What every key was used for since it was last recorded.
#[derive(Debug)]
pub(super) struct Meter {
    usage: Mutex<Option<Usage>>,
    tallies: Mutex<HashMap<KeyId, Arc<Tally>>>,
    /// Those with something to record.
    dirty: Mutex<Vec<Arc<Tally>>>,
    nobody: Arc<Tally>,
}

/// The use of one key, or of none that is known.
#[derive(Debug, Default)]
pub(super) struct Tally {
    key: Option<KeyId>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    used: Used,
    unsaved: Used,
    /// Mostly there is but one; it lies here then.
    sightings: SmallVec<[Sighting; 1]>,
    is_dirty: bool,
}

/// How a secret was presented.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presentation<'a> {
    pub(super) tail: Option<&'a Tail>,
    pub(super) address: Option<IpAddr>,
    pub(super) at: Timestamp,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            usage: Mutex::default(),
            tallies: Mutex::default(),
            dirty: Mutex::default(),
            nobody: Arc::default(),
        }
    }

    /// The tally of what no key could be found for.
    pub(super) fn nobody(&self) -> &Arc<Tally> {
        &self.nobody
    }

    /// A key's tally. Blocks: what the key has used of its limit is read when it is first seen.
    pub(super) fn tally(&self, key: KeyId, source: &Source) -> Arc<Tally> {
        if let Some(tally) = locked(&self.tallies).get(&key) {
            return Arc::clone(tally);
        }
        let used = self.with_usage(source, |usage| usage.used(key));
        let counts = Counts {
            used: used.unwrap_or_default(),
            ..Counts::default()
        };
        let tally = Arc::new(Tally {
            key: Some(key),
            counts: Mutex::new(counts),
        });
        Arc::clone(locked(&self.tallies).entry(key).or_insert(tally))
    }

    /// Decides on one presentation after the use of the key's limit so far, and counts it.
    pub(super) fn count(
        &self,
        tally: &Arc<Tally>,
        presented: Presentation<'_>,
        decide: impl FnOnce(Used) -> (Verdict, Option<Allowance>),
    ) -> (Verdict, Option<Allowance>) {
        let mut counts = locked(&tally.counts);
        let (verdict, mut allowance) = decide(counts.used);
        if verdict.is_accepted() {
            allowance = allowance.map(Allowance::spent);
            counts.spend(allowance);
        }
        counts.note(verdict, presented);
        let is_first = !std::mem::replace(&mut counts.is_dirty, true);
        drop(counts);
        if is_first {
            locked(&self.dirty).push(Arc::clone(tally));
        }
        (verdict, allowance)
    }

    /// Records what was counted since the last time. Blocks. What cannot be recorded is lost,
    /// but what is used of the limits is kept.
    ///
    /// # Errors
    /// Why it could not be recorded.
    pub(super) fn flush(&self, source: &Source) -> Result<(), Error> {
        let mut tallies = std::mem::take(&mut *locked(&self.dirty));
        if tallies.is_empty() {
            return Ok(());
        }
        // In the order in which they lie on the disk.
        tallies.sort_unstable_by_key(|tally| tally.key);
        let (mut sightings, mut used) = (Vec::new(), Vec::new());
        for tally in &tallies {
            let (seen, unsaved) = locked(&tally.counts).take();
            sightings.extend(seen.into_iter().map(|seen| Sighting {
                key: tally.key,
                ..seen
            }));
            let spent = Some(unsaved).filter(|unsaved| unsaved.count > 0);
            used.extend(tally.key.zip(spent).map(|(key, spent)| (tally, key, spent)));
        }
        let spent: Vec<_> = used.iter().map(|(_, key, spent)| (*key, *spent)).collect();
        let all = self.with_usage(source, |usage| usage.record(&sightings, &spent))?;
        for ((tally, ..), all) in used.iter().zip(all) {
            locked(&tally.counts).raise(all);
        }
        Ok(())
    }

    /// Lets go of the tallies that nobody holds and that have nothing to record.
    pub(super) fn forget_idle(&self) {
        locked(&self.tallies).retain(|_, tally| Arc::strong_count(tally) > 1);
    }

    /// Works with the usage data, opened again if they were deleted or could not be used.
    fn with_usage<T>(
        &self,
        source: &Source,
        work: impl FnOnce(&mut Usage) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut opened = locked(&self.usage);
        let mut usage = match opened.take().filter(Usage::is_in_place) {
            Some(usage) => usage,
            None => source.open_usage()?,
        };
        let outcome = work(&mut usage).map_err(|error| usage.explained(error));
        *opened = Some(usage).filter(|_| outcome.is_ok());
        outcome
    }
}

impl Counts {
    fn spend(&mut self, allowance: Option<Allowance>) {
        let Some(Allowance { used, .. }) = allowance else {
            return;
        };
        self.used = used;
        if self.unsaved.since != used.since {
            self.unsaved = Used {
                since: used.since,
                count: 0,
            };
        }
        self.unsaved.count += 1;
    }

    /// Counts a presentation with those that are like it.
    fn note(&mut self, verdict: Verdict, presented: Presentation<'_>) {
        let verdict = verdict.word();
        let is_crowded = self.sightings.len() >= TOLD_APART;
        let like = self.sightings.iter_mut().find(|seen| {
            seen.verdict == verdict
                && seen.tail.as_ref() == presented.tail
                && (is_crowded || seen.address == presented.address)
        });
        if let Some(seen) = like {
            seen.count = seen.count.saturating_add(1);
            seen.at = seen.at.max(presented.at);
            return;
        }
        self.sightings.push(Sighting {
            key: None,
            tail: presented.tail.cloned(),
            verdict,
            count: 1,
            at: presented.at,
            address: presented.address,
        });
    }

    /// Takes out what is to be recorded.
    fn take(&mut self) -> (SmallVec<[Sighting; 1]>, Used) {
        self.is_dirty = false;
        let unsaved = std::mem::take(&mut self.unsaved);
        (std::mem::take(&mut self.sightings), unsaved)
    }

    /// Takes over what others used of the limit in the same window.
    fn raise(&mut self, all: Used) {
        if self.used.since == all.since {
            let unsaved = if self.unsaved.since == all.since {
                self.unsaved.count
            } else {
                0
            };
            self.used.count = self.used.count.max(all.count.saturating_add(unsaved));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
