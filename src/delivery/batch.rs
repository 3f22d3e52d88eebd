//! Creates many secrets on all cores, ahead of their delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::delivery::NewSecret;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Brand, HashMemory, Kind};
use crate::process;

/// How many secrets each core may be ahead: about one second's work.
const MAX_AHEAD: usize = 64;

/// New secrets of one kind, received from the worker threads.
type SecretReceiver = Receiver<Result<NewSecret, Error>>;

/// What the worker threads share.
struct SharedWork {
    kind: Kind,
    brand: Brand,
    /// How many still have to be started.
    remaining: AtomicUsize,
}

/// Creates this many secrets with their hashes, on all cores. Dropping the receiver stops that.
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

/// A supply of new secrets of each kind.
pub struct SecretSupply {
    smtp: SecretReceiver,
    api: SecretReceiver,
}

impl SecretSupply {
    /// Starts creating this many secrets of each kind.
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

    /// The next secret of a kind.
    ///
    /// # Errors
    /// If it could not be created.
    pub fn take(&self, kind: Kind) -> Result<NewSecret, Error> {
        let made = match kind {
            Kind::Smtp => &self.smtp,
            Kind::Api => &self.api,
        };
        made.recv().expect("as many are made as were asked for")
    }
}

/// Creates secrets until there are enough, or the receiver is dropped.
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
