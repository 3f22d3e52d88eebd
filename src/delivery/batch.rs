//! Many fresh secrets: made on all cores, ahead of whoever hands them out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::delivery::NewSecret;
use crate::error::{Error, NO_THREAD};
use crate::exit::ExitStatus;
use crate::key::{Brand, HashMemory, Kind};

/// How many secrets a core may be ahead: about a second's.
const AHEAD: usize = 64;

/// Fresh secrets of one kind, as they come from the cores.
pub struct SecretBatch {
    made: Receiver<Result<NewSecret, Error>>,
    cores: usize,
}

/// What the threads share.
struct SharedWork {
    kind: Kind,
    brand: Brand,
    /// How many are yet to be begun.
    left: AtomicUsize,
}

impl NewSecret {
    /// Makes so many secrets and their hashes on all cores. Whoever drops them early stops that.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn many(kind: Kind, brand: &Brand, count: usize) -> Result<SecretBatch, Error> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (made, receiver) = sync_channel(AHEAD * cores);
        let order = Arc::new(SharedWork {
            kind,
            brand: brand.clone(),
            left: AtomicUsize::new(count),
        });
        for _ in 0..cores.min(count) {
            let (order, made) = (Arc::clone(&order), made.clone());
            let maker = thread::Builder::new().name("maker".to_owned());
            let started = maker.spawn(move || make(&order, &made));
            started.map_err(|error| {
                let message = format!("cannot start a thread: {error}");
                Error::new(ExitStatus::Trouble, message).with_hint(NO_THREAD)
            })?;
        }
        Ok(SecretBatch {
            made: receiver,
            cores,
        })
    }
}

impl SecretBatch {
    /// How many are made in about a second.
    pub fn in_a_second(&self) -> usize {
        AHEAD * self.cores
    }
}

/// Fresh secrets of either kind, as they are asked for.
pub struct Supply {
    smtp: SecretBatch,
    api: SecretBatch,
}

impl Supply {
    /// Makes so many secrets as there are kinds.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn of(kinds: impl Iterator<Item = Kind>, brand: &Brand) -> Result<Self, Error> {
        let (smtp, api): (Vec<_>, Vec<_>) = kinds.partition(|kind| *kind == Kind::Smtp);
        Ok(Self {
            smtp: NewSecret::many(Kind::Smtp, brand, smtp.len())?,
            api: NewSecret::many(Kind::Api, brand, api.len())?,
        })
    }

    /// The next one of a kind.
    ///
    /// # Errors
    /// Why it could not be made.
    pub fn take(&self, kind: Kind) -> Result<NewSecret, Error> {
        let many = match kind {
            Kind::Smtp => &self.smtp,
            Kind::Api => &self.api,
        };
        let made = many.made.recv();
        made.expect("as many are made as were asked for")
    }
}

impl Iterator for SecretBatch {
    type Item = Result<NewSecret, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.made.recv().ok()
    }
}

/// Makes secrets until there are enough, or nobody takes them.
fn make(order: &SharedWork, made: &SyncSender<Result<NewSecret, Error>>) {
    let mut memory = HashMemory::default();
    let begin = |left: usize| left.checked_sub(1);
    while order
        .left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin)
        .is_ok()
    {
        let fresh = NewSecret::generate_in(&mut memory, order.kind, &order.brand);
        if made.send(fresh).is_err() {
            break;
        }
    }
}
