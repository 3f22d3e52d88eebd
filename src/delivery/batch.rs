//! Many new secrets: made on all cores, ahead of their delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::delivery::NewSecret;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Brand, HashMemory, Kind};
use crate::process;

/// How many secrets a core may be ahead: about a second's.
const MAX_AHEAD: usize = 64;

/// New secrets of one kind, as they come from the cores.
type SecretReceiver = Receiver<Result<NewSecret, Error>>;

/// What the threads share.
struct SharedWork {
    kind: Kind,
    brand: Brand,
    /// How many are yet to be begun.
    remaining: AtomicUsize,
}

/// Makes so many secrets and their hashes on all cores. Whoever drops them early stops that.
fn start(kind: Kind, brand: &Brand, count: usize) -> Result<SecretReceiver, Error> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (made, receiver) = sync_channel(MAX_AHEAD * cores);
    let work = Arc::new(SharedWork {
        kind,
        brand: brand.clone(),
        remaining: AtomicUsize::new(count),
    });
    for _ in 0..cores.min(count) {
        let (work, made) = (Arc::clone(&work), made.clone());
        let maker = thread::Builder::new().name("maker".to_owned());
        let started = maker.spawn(move || make(&work, &made));
        started.map_err(|error| {
            let message = format!("cannot start a thread: {error}");
            Error::new(ExitStatus::Trouble, message).with_hint(process::NO_THREAD)
        })?;
    }
    Ok(receiver)
}

/// New secrets of either kind, as they are needed.
pub struct SecretSupply {
    smtp: SecretReceiver,
    api: SecretReceiver,
}

impl SecretSupply {
    /// Makes so many secrets as there are kinds.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn of(kinds: impl Iterator<Item = Kind>, brand: &Brand) -> Result<Self, Error> {
        let (smtp, api): (Vec<_>, Vec<_>) = kinds.partition(|kind| *kind == Kind::Smtp);
        Ok(Self {
            smtp: start(Kind::Smtp, brand, smtp.len())?,
            api: start(Kind::Api, brand, api.len())?,
        })
    }

    /// The next one of a kind.
    ///
    /// # Errors
    /// Why it could not be made.
    pub fn take(&self, kind: Kind) -> Result<NewSecret, Error> {
        let made = match kind {
            Kind::Smtp => &self.smtp,
            Kind::Api => &self.api,
        };
        made.recv().expect("as many are made as were asked for")
    }
}

/// Makes secrets until there are enough, or nobody takes them.
fn make(work: &SharedWork, made: &SyncSender<Result<NewSecret, Error>>) {
    let mut memory = HashMemory::default();
    let begin = |remaining: usize| remaining.checked_sub(1);
    while work
        .remaining
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin)
        .is_ok()
    {
        let fresh = NewSecret::generate_in(&mut memory, work.kind, &work.brand);
        if made.send(fresh).is_err() {
            break;
        }
    }
}
