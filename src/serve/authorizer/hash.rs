//! Secrets with nothing but a hash: those from before digests, and imported passwords.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use zeroize::Zeroizing;

use super::request::{Authorizer, SecretOwner};
use crate::key::{Digest, HashMemory, Secret, Tail};
use crate::serve::key_usage::KeyUsage;
use crate::serve::vault_handle::Snapshot;
use crate::vault::{Error, KeyId};
use crate::verify::{SecretMatch, Verdict, match_secret};

/// How long checking a hash may take: no longer than a gateway waits.
const HASH_TIMEOUT: Duration = Duration::from_secs(4);

impl Authorizer {
    /// The owner of a secret from before digests.
    pub(super) async fn owner_by_hash(
        &self,
        key: KeyId,
        secret: &Secret,
        digest: Digest,
        key_usage: Arc<KeyUsage>,
    ) -> Result<SecretOwner, Error> {
        let source = Arc::clone(&self.source);
        let presented = Zeroizing::new(secret.expose().to_owned());
        let matched = self.run_queued(key, move |memory| {
            let mut read = None;
            let look_up = |tail: &Tail| {
                let Snapshot {
                    value,
                    vault_version,
                } = source.look_up(tail)?;
                read = Some(vault_version);
                Ok(value)
            };
            let matched = match_secret(&presented, look_up, memory)?;
            Ok((matched, read))
        });
        let (matched, vault_version) = matched.await?;
        match (matched, vault_version) {
            (SecretMatch::Secret(found), Some(vault_version)) => {
                Ok(self.key(*found, digest, vault_version, key_usage))
            }
            (SecretMatch::Nobody(verdict), _) => Ok(self.unknown_secret(verdict)),
            (SecretMatch::Dead(dead), _) => Ok(SecretOwner::Refused((*dead).into())),
            _ => Ok(SecretOwner::Nobody(Verdict::Mismatch, key_usage)),
        }
    }

    /// Hashes for a key, after earlier requests for the same key.
    ///
    /// # Errors
    /// [`Error::Busy`] if that takes too long, or the errors of `work`.
    pub(super) async fn run_queued<T: Send + 'static>(
        &self,
        key: KeyId,
        work: impl FnOnce(&mut HashMemory) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let hashed = timeout(HASH_TIMEOUT, async {
            let _turn = self.per_key_queue.take(key).await;
            self.hashers.run(work).await
        });
        hashed.await.ok().flatten().unwrap_or(Err(Error::Busy))
    }
}
