//! Decides on requests, from memory or by reading the vault.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use jiff::Timestamp;
use quick_cache::sync::Cache;

use super::cache::{CAPACITY, CacheEntry, CachedSecret};
use super::refused::{self, RefusedSecret};
use crate::key::{Allowance, Digest, Kind, Labels, Secret, Tail, WindowUse};
use crate::serve::ended_terms::EndedTerms;
use crate::serve::key_usage::{KeyUsage, PresentedRequest, PresentedUse};
use crate::serve::lock::locked;
use crate::serve::per_key_queue::PerKeyQueue;
use crate::serve::pool::{Hashers, Readers};
use crate::serve::throttle::Throttle;
use crate::serve::usage_recorder::UsageRecorder;
use crate::serve::vault_handle::{Snapshot, VaultHandle, VaultVersion};
use crate::settings::Permissions;
use crate::vault::{Error, FoundSecret, Record, StoredSecret};
use crate::verify::{Need, Question, Verdict, allowance, judge};

/// Decides on presented secrets.
#[derive(Debug)]
pub(in crate::serve) struct Authorizer {
    pub(super) source: Arc<VaultHandle>,
    pub(super) usage_recorder: Arc<UsageRecorder>,
    pub(super) ended: Arc<EndedTerms>,
    pub(super) permissions: Permissions,
    pub(super) hashers: Hashers,
    pub(super) readers: Arc<Readers>,
    pub(super) per_key_queue: PerKeyQueue,
    pub(super) throttle: Throttle,
    /// Cached secrets that were presented and matched. Others are not cached: a flood would evict
    /// the matching ones, and a known tail would be refused faster than others.
    pub(super) cached: Cache<Tail, CacheEntry>,
    /// Those whose digests are not in the vault yet.
    pub(super) learned: Mutex<Vec<Arc<CachedSecret>>>,
}

/// The decision on a request.
#[derive(Debug)]
pub(in crate::serve) struct Decision {
    pub(in crate::serve) verdict: Verdict,
    /// What is left of the key's limit.
    pub(in crate::serve) allowance: Option<Allowance>,
    /// The secret, if it belongs to a key.
    pub(in crate::serve) known: Option<Arc<CachedSecret>>,
}

/// What was presented, and for what.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct AuthRequest<'a> {
    /// The key; empty if there was none, or several.
    pub(in crate::serve) presented: &'a str,
    /// The required permission.
    pub(in crate::serve) question: Question<'a>,
    /// The client's address.
    pub(in crate::serve) address: Option<IpAddr>,
}

/// The owner of a presented secret.
pub(super) enum SecretOwner {
    Key(Arc<CachedSecret>),
    /// None, although it may have the tail of the key with this usage.
    Nobody(Verdict, Arc<KeyUsage>),
    /// A key, and it is always refused.
    Refused(RefusedSecret),
}

impl Authorizer {
    pub(in crate::serve) fn new(
        source: Arc<VaultHandle>,
        usage_recorder: Arc<UsageRecorder>,
        ended: Arc<EndedTerms>,
        permissions: Permissions,
        hashers: Hashers,
        readers: Arc<Readers>,
    ) -> Self {
        Self {
            source,
            usage_recorder,
            ended,
            permissions,
            hashers,
            readers,
            per_key_queue: PerKeyQueue::default(),
            throttle: Throttle::new(Instant::now()),
            cached: Cache::new(CAPACITY),
            learned: Mutex::default(),
        }
    }

    /// The number of cached secrets.
    pub(in crate::serve) fn cached(&self) -> usize {
        self.cached.len()
    }

    /// Decides on a request and counts it, if that does not block: neither on a lock of the vault
    /// nor on a hash.
    ///
    /// # Errors
    /// If the vault cannot be read: then nothing is accepted.
    pub(in crate::serve) fn try_decide(
        &self,
        asked: AuthRequest<'_>,
        now: Timestamp,
    ) -> Option<Result<Decision, Error>> {
        let owner = match Secret::parse(asked.presented) {
            Err(malformed) => Ok(self.unknown_secret(Verdict::Malformed(malformed))),
            Ok(secret) => self.try_owner(&secret)?,
        };
        Some(owner.map(|owner| self.decide_on(owner, asked, now)))
    }

    /// Decides on a request, and counts it.
    ///
    /// # Errors
    /// If the vault cannot be read: then nothing is accepted.
    pub(in crate::serve) async fn decide(
        &self,
        asked: AuthRequest<'_>,
        now: Timestamp,
    ) -> Result<Decision, Error> {
        let owner = match Secret::parse(asked.presented) {
            Err(malformed) => self.unknown_secret(Verdict::Malformed(malformed)),
            Ok(secret) => self.owner(&secret).await?,
        };
        Ok(self.decide_on(owner, asked, now))
    }

    /// When a decision may be answered; `None` if at once.
    pub(in crate::serve) fn answer_at(
        &self,
        decision: &Decision,
        received: Instant,
    ) -> Option<Instant> {
        let is_refused = !decision.verdict.is_accepted();
        is_refused.then(|| self.throttle.answer_at(received, Instant::now()))
    }

    pub(super) fn unknown_secret(&self, verdict: Verdict) -> SecretOwner {
        SecretOwner::Nobody(verdict, Arc::clone(self.usage_recorder.unknown_key()))
    }

    /// The owner of a secret, from memory or by reading the vault without blocking.
    fn try_owner(&self, secret: &Secret) -> Option<Result<SecretOwner, Error>> {
        let digest = Digest::of(secret);
        let tail = secret.tail();
        let cached = self.cached.get(&tail);
        if let Some(cached) = cached.filter(|cached| cached.digest.is(&digest))
            && !cached.is_invalidated(self.source.vault_version().ok()?)
        {
            return Some(Ok(SecretOwner::Key(cached.known)));
        }
        let Snapshot {
            value,
            vault_version,
        } = match self.source.try_look_up(&tail) {
            Ok(fresh) => fresh,
            Err(Error::Busy) => return None,
            Err(error) => return Some(Err(error)),
        };
        let found = match self.find_owned(value, &digest) {
            Ok(found) => found,
            Err(owner) => return Some(Ok(owner)),
        };
        let matches = self.matches(&found, &digest)?;
        let key_usage = self
            .usage_recorder
            .try_key_usage(&found.record, &self.source)?;
        Some(Ok(match matches {
            true => self.key(found, digest, vault_version, key_usage),
            false => SecretOwner::Nobody(Verdict::Mismatch, key_usage),
        }))
    }

    /// The owner of a secret. May block.
    async fn owner(&self, secret: &Secret) -> Result<SecretOwner, Error> {
        let (source, tail) = (Arc::clone(&self.source), secret.tail());
        let fresh = self.reading(move || source.look_up(&tail)).await?;
        let digest = Digest::of(secret);
        let found = match self.find_owned(fresh.value, &digest) {
            Ok(found) => found,
            Err(owner) => return Ok(owner),
        };
        let key_usage = self.key_usage(found.record.clone()).await?;
        match self.matches(&found, &digest) {
            Some(true) => Ok(self.key(found, digest, fresh.vault_version, key_usage)),
            Some(false) => Ok(SecretOwner::Nobody(Verdict::Mismatch, key_usage)),
            None => {
                let key = found.record.id;
                self.owner_by_hash(key, secret, digest, key_usage).await
            }
        }
    }

    pub(in crate::serve) async fn key_usage(&self, record: Record) -> Result<Arc<KeyUsage>, Error> {
        let (source, usage_recorder) = (Arc::clone(&self.source), Arc::clone(&self.usage_recorder));
        self.reading(move || Ok(usage_recorder.key_usage(&record, &source)))
            .await
    }

    /// The secret with that tail, if a key has it; otherwise the owner of the digest.
    fn find_owned(
        &self,
        stored: Option<FoundSecret>,
        digest: &Digest,
    ) -> Result<StoredSecret, SecretOwner> {
        match stored {
            Some(FoundSecret::Owned(found)) if refused::is_decoy(&found, digest) => {
                Err(SecretOwner::Refused(RefusedSecret::of_decoy(*found)))
            }
            Some(FoundSecret::Owned(found)) => Ok(*found),
            Some(FoundSecret::Dead(dead)) if dead.digest.is(digest) => {
                Err(SecretOwner::Refused((*dead).into()))
            }
            Some(FoundSecret::Dead(_)) | None => Err(self.unknown_secret(Verdict::Unknown)),
        }
    }

    /// Whether it is the digest of a secret, if that is known.
    fn matches(&self, found: &StoredSecret, digest: &Digest) -> Option<bool> {
        if let Some(kept) = found.verifier.digest() {
            return Some(kept.is(digest));
        }
        let CacheEntry {
            known,
            digest: learned,
            ..
        } = self.cached.get(&found.tail)?;
        (known.secret.verifier == found.verifier).then(|| learned.is(digest))
    }

    /// The owner of a secret that matched, which is added to the cache.
    pub(super) fn key(
        &self,
        found: StoredSecret,
        digest: Digest,
        vault_version: VaultVersion,
        key_usage: Arc<KeyUsage>,
    ) -> SecretOwner {
        let tail = found.tail.clone();
        let known = self.known(found, key_usage);
        let cached = CacheEntry {
            digest,
            vault_version,
            known: Arc::clone(&known),
        };
        self.cached.insert(tail, cached);
        SecretOwner::Key(known)
    }

    /// The data for deciding on a secret; kept small, since very many are cached.
    pub(super) fn known(
        &self,
        mut secret: StoredSecret,
        key_usage: Arc<KeyUsage>,
    ) -> Arc<CachedSecret> {
        secret.verifier = secret.verifier.own();
        secret.record.key.description = None;
        secret.record.key.labels = Labels::default();
        secret.record.key.owner = None;
        secret.record.key.retiring = None;
        let known = Arc::new(CachedSecret { secret, key_usage });
        if known.secret.learned.is_some() {
            locked(&self.learned).push(Arc::clone(&known));
        }
        known
    }

    pub(super) fn decide_on(
        &self,
        owner: SecretOwner,
        asked: AuthRequest<'_>,
        now: Timestamp,
    ) -> Decision {
        match owner {
            SecretOwner::Key(known) => self.judge(known, asked, now),
            SecretOwner::Nobody(verdict, key_usage) => {
                self.refuse(verdict, &key_usage, None, asked, now)
            }
            SecretOwner::Refused(RefusedSecret { verdict, key, tail }) => {
                let key_usage = self.usage_recorder.refused(key, &self.source);
                self.refuse(verdict, &key_usage, Some(&tail), asked, now)
            }
        }
    }

    fn refuse(
        &self,
        verdict: Verdict,
        key_usage: &Arc<KeyUsage>,
        tail: Option<&Tail>,
        asked: AuthRequest<'_>,
        now: Timestamp,
    ) -> Decision {
        let presented = PresentedUse {
            tail,
            address: asked.address,
            at: now,
            request: None,
        };
        self.usage_recorder
            .count(key_usage, presented, |_| (verdict, None));
        Decision {
            verdict,
            allowance: None,
            known: None,
        }
    }

    fn judge(&self, known: Arc<CachedSecret>, asked: AuthRequest<'_>, now: Timestamp) -> Decision {
        let request = match asked.question.need {
            Need::Request { method, target } => Some((method, target)),
            _ => None,
        };
        let request = PresentedRequest {
            permissions: &self.permissions,
            request,
        };
        let is_api = known.secret.record.key.kind() == Kind::Api;
        let presented = PresentedUse {
            tail: Some(&known.secret.tail),
            address: asked.address,
            at: now,
            request: Some(request).filter(|_| is_api),
        };
        let at = self.ended.time(&known.secret, now);
        let decide = |used: WindowUse| {
            let verdict = judge(&known.secret, &asked.question, &self.permissions, at, used);
            (
                verdict,
                allowance(&known.secret.record, asked.question.need, used, now),
            )
        };
        let (verdict, allowance) = self
            .usage_recorder
            .count(&known.key_usage, presented, decide);
        if matches!(verdict, Verdict::Expired | Verdict::Retired) {
            self.ended.note_ended(&known.secret, at);
        }
        Decision {
            verdict,
            allowance,
            known: Some(known),
        }
    }

    /// Reads on a thread of the pool, so that other requests do not wait.
    pub(in crate::serve) async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let read = self.readers.run(move |()| work()).await;
        read.unwrap_or(Err(Error::Busy))
    }
}
