//! Reads the vault while others change it: current data without holding a lock.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use crate::key::Tail;
use crate::process;
use crate::serve::lock::locked;
use crate::serve::shared_wait::{Deadline, SharedWait};
use crate::serve::token::Token;
use crate::settings::Retention;
use crate::usage::{self, UsageStore};
use crate::vault::{Action, Author, ChangeWatch, ChangedAt, Error, FoundSecret, Vault};

/// How often to check whether the vault is still at its path, in milliseconds. Commits are seen at
/// once; a removal, or a copy over it, up to this much later.
const RECHECK_MILLISECONDS: u64 = 1;

/// How long to wait for a locked usage record, so that requests are not delayed.
const USAGE_WAIT: Duration = Duration::from_millis(250);

/// How long a health check waits for a locked vault; a commit takes less.
const PROBE_TIMEOUT: Duration = Duration::from_millis(250);

/// About how long opening a vault takes.
const OPEN_COST: Duration = Duration::from_millis(2);

/// How many idle connections are kept open.
const MAX_IDLE: usize = 4;

/// The vault, reopened whenever it is replaced.
#[derive(Debug)]
pub(super) struct VaultHandle {
    path: PathBuf,
    lock_wait: SharedWait,
    /// Read on every request, and so without a contended lock.
    opened: ArcSwapOption<OpenedVault>,
    opening: Mutex<()>,
    start: Instant,
    /// In milliseconds since the start.
    checked_at: AtomicU64,
    count: AtomicU64,
}

/// A file that is or was the vault.
#[derive(Debug)]
pub(super) struct OpenedVault {
    number: u64,
    watch: ChangeWatch,
    /// When it was last changed, as of the last check.
    changed_at: AtomicI64,
    /// Each with the state that it last read.
    idle: Mutex<Vec<(Vault, VaultVersion)>>,
}

/// Identifies a state of the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct VaultVersion {
    /// The file.
    number: u64,
    counter: u32,
    changed_at: ChangedAt,
}

/// Data from the vault, and the state in which it is true.
#[derive(Debug)]
pub(super) struct Snapshot<T> {
    pub(super) value: T,
    pub(super) vault_version: VaultVersion,
}

/// This process, as the author of its own changes; they do not kill secrets.
pub(super) fn author(action: Action, clock: Timestamp) -> Author {
    Author {
        actor: process::actor(),
        action,
        clock,
        dead_retention_start: Timestamp::MIN,
    }
}

impl VaultHandle {
    /// Opens the vault at a path.
    pub(super) fn open(path: PathBuf, wait: Duration) -> Result<Self, Error> {
        let source = Self {
            path,
            lock_wait: SharedWait::new(wait),
            opened: ArcSwapOption::empty(),
            opening: Mutex::default(),
            start: Instant::now(),
            // Long ago.
            checked_at: AtomicU64::new(u64::MAX / 2),
            count: AtomicU64::new(0),
        };
        source.reopen(Deadline::after(wait))?;
        Ok(source)
    }

    /// The current state of the vault; `None` if it must be reopened first.
    pub(super) fn vault_version(&self) -> Result<Option<VaultVersion>, Error> {
        match &*self.opened.load() {
            Some(opened) if self.is_in_place(opened) => {
                let changed_at = opened.changed_at.load(Ordering::Relaxed);
                opened.vault_version(changed_at).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Whether the file was at its path a moment ago.
    fn is_in_place(&self, opened: &OpenedVault) -> bool {
        // The system clock may be stopped or set.
        let now = self.start.elapsed().as_millis() as u64;
        let checked_at = self.checked_at.load(Ordering::Relaxed);
        if now.wrapping_sub(checked_at) < RECHECK_MILLISECONDS {
            return true;
        }
        let changed_at = opened.watch.changed_at();
        if let Some(changed_at) = changed_at {
            opened.changed_at.store(changed_at, Ordering::Relaxed);
            self.checked_at.store(now, Ordering::Relaxed);
        }
        changed_at.is_some()
    }

    /// Like [`VaultHandle::look_up`], but does not wait for a lock.
    ///
    /// # Errors
    /// [`Error::Busy`] if the vault is locked, or must be reopened first.
    pub(super) fn try_look_up(&self, tail: &Tail) -> Result<Snapshot<Option<FoundSecret>>, Error> {
        match self.opened_in_place() {
            Some(_) => self.read_until(Deadline::after(Duration::ZERO), |vault| vault.stored(tail)),
            None => Err(Error::Busy),
        }
    }

    /// Looks up a secret by its tail. Blocks.
    pub(super) fn look_up(&self, tail: &Tail) -> Result<Snapshot<Option<FoundSecret>>, Error> {
        self.read(|vault| vault.stored(tail))
    }

    /// Reads the current vault. Blocks.
    pub(super) fn read<T>(
        &self,
        read: impl Fn(&Vault) -> Result<T, Error>,
    ) -> Result<Snapshot<T>, Error> {
        self.lock_wait.retry(|until| self.read_until(until, &read))
    }

    /// Checks whether the vault can be read, without waiting long. Blocks.
    pub(super) fn probe(&self) -> Result<(), Error> {
        let read = self.read_until(Deadline::after(PROBE_TIMEOUT), |vault| vault.head());
        read.map(drop)
    }

    fn read_until<T>(
        &self,
        until: Deadline,
        read: impl Fn(&Vault) -> Result<T, Error>,
    ) -> Result<Snapshot<T>, Error> {
        let opened = self.current(until)?;
        let changed_at = self.inspect(&opened.watch)?;
        let mut vault = match opened.take(opened.vault_version(changed_at)?) {
            Some(vault) => vault,
            None => Vault::open(&self.path, until.left())?,
        };
        vault.set_wait(until.left())?;
        let fresh = vault.snapshot(|vault| {
            // The first read takes the lock under which the counter cannot change.
            let value = read(vault)?;
            let vault_version = opened.vault_version(self.inspect(&opened.watch)?)?;
            Ok::<_, Error>(Snapshot {
                value,
                vault_version,
            })
        })?;
        opened.put_back(vault, fresh.vault_version);
        // It may have been replaced between the two checks of its path.
        self.inspect(&opened.watch).map(|_| fresh)
    }

    /// When the watched file was last changed, provided it is still at the vault's path.
    fn inspect(&self, watch: &ChangeWatch) -> Result<ChangedAt, Error> {
        let changed_at = watch.changed_at();
        changed_at.ok_or_else(|| Error::Missing(self.path.clone()))
    }

    /// The token that login reports must have, if there is one. Blocks.
    pub(super) fn token(&self) -> Result<Option<Token>, Error> {
        Token::of(&self.path)
    }

    /// Opens the vault for changes. Blocks.
    pub(super) fn open_vault(&self) -> Result<Vault, Error> {
        Vault::open(&self.path, USAGE_WAIT)
    }

    /// Opens the vault's usage record. Blocks.
    pub(super) fn open_usage(&self, retention: Retention) -> Result<UsageStore, usage::Error> {
        let open = |until: Deadline| Vault::open(&self.path, until.left());
        let mut vault = self.lock_wait.retry(open)?;
        vault.set_wait(USAGE_WAIT)?;
        UsageStore::open_or_create(&vault, USAGE_WAIT, retention)
    }

    /// The current file among those that were the vault.
    pub(super) fn number(&self) -> Option<u64> {
        self.opened.load().as_ref().map(|opened| opened.number)
    }

    fn current(&self, until: Deadline) -> Result<Arc<OpenedVault>, Error> {
        match self.opened_in_place() {
            Some(opened) => Ok(opened),
            None => self.reopen(until),
        }
    }

    fn opened_in_place(&self) -> Option<Arc<OpenedVault>> {
        let opened = self.opened.load_full();
        opened.filter(|opened| opened.watch.changed_at().is_some())
    }

    fn reopen(&self, until: Deadline) -> Result<Arc<OpenedVault>, Error> {
        let _opening = self.begin_opening(until)?;
        // Another thread may have been faster.
        if let Some(opened) = self.opened_in_place() {
            return Ok(opened);
        }
        self.opened.store(None);
        let watch = ChangeWatch::open(&self.path, until.left())?.mapped();
        let new = Arc::new(OpenedVault {
            number: self.count.fetch_add(1, Ordering::Relaxed),
            changed_at: AtomicI64::new(self.inspect(&watch)?),
            watch,
            idle: Mutex::default(),
        });
        self.opened.store(Some(Arc::clone(&new)));
        Ok(new)
    }

    /// Held while opening the vault, which may wait long for a lock.
    fn begin_opening(&self, until: Deadline) -> Result<MutexGuard<'_, ()>, Error> {
        loop {
            match self.opening.try_lock() {
                Ok(opening) => return Ok(opening),
                Err(TryLockError::Poisoned(opening)) => return Ok(opening.into_inner()),
                Err(TryLockError::WouldBlock) if until.left().is_zero() => return Err(Error::Busy),
                Err(TryLockError::WouldBlock) => sleep(OPEN_COST),
            }
        }
    }
}

impl OpenedVault {
    fn vault_version(&self, changed_at: ChangedAt) -> Result<VaultVersion, Error> {
        Ok(VaultVersion {
            number: self.number,
            counter: self.watch.counter()?,
            changed_at,
        })
    }

    /// A connection that can read the current state. SQLite caches pages until the counter changes:
    /// if the file was changed without that, connections cannot be reused, and the file's safety
    /// must be checked again.
    fn take(&self, now: VaultVersion) -> Option<Vault> {
        let is_valid = |then: VaultVersion| then == now || then.counter != now.counter;
        let mut idle = self.idle();
        idle.retain(|(_, then)| is_valid(*then));
        idle.pop().map(|(vault, _)| vault)
    }

    fn put_back(&self, vault: Vault, vault_version: VaultVersion) {
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push((vault, vault_version));
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Vault, VaultVersion)>> {
        locked(&self.idle)
    }
}
