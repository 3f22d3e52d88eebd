//! The state behind all requests, and whether it is healthy.

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

/// How many damaged keys are reported.
const MAX_DAMAGED: usize = 100;

/// The state behind all requests.
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
    /// Separate from the threads that read for requests, so that it does not wait for them.
    pub(super) prober: Readers,
    pub(super) is_vault_available: AtomicBool,
    /// The damaged keys that have been reported.
    pub(super) damaged: Mutex<BTreeSet<String>>,
    /// Whether a report without a token has been reported.
    pub(super) was_report_refused: AtomicBool,
}

/// When a request was received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) at: Timestamp,
    /// The same time of the monotonic clock.
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
    /// Checks whether a lost vault is back. Blocks.
    pub(super) fn probe_vault(&self) {
        if !self.is_vault_available.load(Ordering::Relaxed) && self.source.probe().is_ok() {
            self.note_vault(None);
        }
    }

    /// Reports when the vault is lost, and when it is back. A damaged key does not count as that.
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

    /// Reports each damaged key once.
    fn note_damage(&self, key: &str, error: &Error) {
        let mut reported = locked(&self.damaged);
        if reported.len() < MAX_DAMAGED && reported.insert(key.to_owned()) {
            (self.notify)(Notice::KeyDamaged(error.to_string()));
        }
    }
}
