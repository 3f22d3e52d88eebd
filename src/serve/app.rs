//! What every request is answered from, and whether that is in order.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use jiff::Timestamp;

use super::authorizer::Authorizer;
use super::credentials::CredentialReader;
use super::ended_terms::EndedTerms;
use super::lock::locked;
use super::metrics::Metrics;
use super::pool::Readers;
use super::usage_recorder::UsageRecorder;
use super::vault_handle::VaultHandle;
use super::workers::Workers;
use super::{Notice, Notify};
use crate::process;
use crate::settings::Origins;
use crate::vault::Error;

/// Of how many damaged keys it is told.
const MAX_DAMAGED: usize = 100;

/// What every request is answered from.
pub(super) struct App {
    pub(super) authorizer: Authorizer,
    pub(super) credentials: CredentialReader,
    pub(super) cors_origins: Origins,
    pub(super) source: Arc<VaultHandle>,
    pub(super) usage_recorder: Arc<UsageRecorder>,
    pub(super) ended: Arc<EndedTerms>,
    pub(super) metrics: Metrics,
    pub(super) notify: Notify,
    pub(super) workers: Workers,
    pub(super) readers: Arc<Readers>,
    /// Apart from those who read for requests, so that it waits behind none of them.
    pub(super) prober: Readers,
    pub(super) is_vault_available: AtomicBool,
    /// The keys that were told to be damaged.
    pub(super) damaged: Mutex<BTreeSet<String>>,
    /// Whether it was told that a report came without a token.
    pub(super) was_report_refused: AtomicBool,
}

/// When a request was received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) at: Timestamp,
    /// The same moment, of the clock that is never set.
    pub(super) instant: Instant,
}

impl Received {
    pub(super) fn now() -> Self {
        Self {
            at: process::now(),
            instant: Instant::now(),
        }
    }
}

impl App {
    /// Looks whether a vault that was lost is back. Blocks.
    pub(super) fn probe_vault(&self) {
        if !self.is_vault_available.load(Ordering::Relaxed) && self.source.probe().is_ok() {
            self.note_vault(None);
        }
    }

    /// Tells when the vault is lost, and when it is back. One damaged key is no lost vault.
    pub(super) fn note_vault(&self, error: Option<&Error>) {
        let is_up = match error {
            None => true,
            Some(error @ Error::DamagedKey { key, .. }) => {
                self.note_damage(key, error);
                true
            }
            Some(_) => false,
        };
        if self.is_vault_available.load(Ordering::Relaxed) == is_up {
            return;
        }
        if self.is_vault_available.swap(is_up, Ordering::Relaxed) != is_up {
            self.metrics.vault_available.set(is_up.into());
            (self.notify)(match error.filter(|_| !is_up) {
                Some(error) => Notice::VaultLost(error.to_string()),
                None => Notice::VaultRestored,
            });
        }
    }

    /// Tells once of each key that it is damaged.
    fn note_damage(&self, key: &str, error: &Error) {
        let mut told = locked(&self.damaged);
        if told.len() < MAX_DAMAGED && told.insert(key.to_owned()) {
            (self.notify)(Notice::KeyDamaged(error.to_string()));
        }
    }
}
