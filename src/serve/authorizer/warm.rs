//! Background work: fills the cache, and stores learned digests.

use std::sync::Arc;

use jiff::Timestamp;

use super::cache::{CAPACITY, CachedSecret};
use super::request::Authorizer;
use crate::serve::lock::locked;
use crate::serve::vault_handle::author;
use crate::vault::{Action, Error};

/// The maximum number of digests stored in one transaction, during which nobody else can write.
const BATCH_SIZE: usize = 1000;

impl Authorizer {
    /// Fills the cache from the vault: after a restart, a gateway presents all keys in use at once.
    /// Unreadable secrets are skipped. Blocks.
    pub(in crate::serve) fn warm_up(&self) {
        let (mut last, mut is_usage_open) = (0, false);
        while self.cached.len() < CAPACITY {
            let Ok(fresh) = self.source.read(|vault| vault.secrets_after(last)) else {
                return;
            };
            let Some(end) = fresh.value.last() else {
                return;
            };
            last = end.record.id;
            let secrets = fresh.value.into_iter();
            for secret in secrets.filter(|secret| !secret.record.key.is_decoy) {
                let Some(digest) = secret.verifier.digest().cloned() else {
                    continue;
                };
                let mut key_usage = self
                    .usage_recorder
                    .try_key_usage(&secret.record, &self.source);
                if key_usage.is_none() && !is_usage_open {
                    is_usage_open = true;
                    key_usage = Some(self.usage_recorder.key_usage(&secret.record, &self.source));
                }
                if let Some(key_usage) = key_usage {
                    self.key(secret, digest, fresh.vault_version, key_usage);
                }
            }
        }
    }

    /// Stores learned digests in the vault. Blocks.
    pub(in crate::serve) fn store_digests(&self, now: Timestamp) {
        let some: Vec<Arc<CachedSecret>> = {
            let mut learned = locked(&self.learned);
            let count = learned.len().min(BATCH_SIZE);
            learned.drain(..count).collect()
        };
        if some.is_empty() {
            return;
        }
        let author = author(Action::Verify, now);
        let kept = self.source.open_vault().and_then(|mut vault| {
            vault.store_digests(some.iter().map(|known| &known.secret), &author)
        });
        // If the vault cannot be written, they stay in memory.
        if matches!(kept, Err(Error::Busy)) {
            locked(&self.learned).extend(some);
        }
    }
}
