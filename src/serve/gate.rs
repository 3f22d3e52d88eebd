//! From a presented secret to a decision, without sockets: as the vault has it at that moment, and
//! from memory while the vault is unchanged.

mod login;
mod refused;
mod warm;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use quick_cache::sync::Cache;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::ended::Ended;
use super::meter::{Meter, Presentation, Tally, locked};
use super::pool::{Hashers, Readers};
use super::source::{Fresh, Source, Stamp};
use super::throttle::Throttle;
use super::turns::Turns;
use crate::key::{Allowance, Digest, HashMemory, Secret, Tail, Used};
use crate::settings::Permissions;
use crate::vault::{Error, KeyId, Presented, Record, Stored};
use crate::verify::{Question, Recognised, Verdict, allowance, judge, recognise};
pub(super) use login::Attempt;
use refused::RefusedSecret;

/// How many secrets are cached, some 700 bytes each with what they were used for.
const CACHED: usize = 1 << 17;

/// How long at most it takes until a hash is checked: a gateway waits no longer.
const SLOWEST_HASH: Duration = Duration::from_secs(4);

/// Decides on presented secrets.
#[derive(Debug)]
pub(super) struct Gate {
    source: Arc<Source>,
    meter: Arc<Meter>,
    ended: Arc<Ended>,
    permissions: Permissions,
    hashers: Hashers,
    readers: Arc<Readers>,
    turns: Turns,
    throttle: Throttle,
    /// Secrets that were presented and matched. What did not match is not cached: a flood of it
    /// would push them out, and a tail that is known would be refused sooner than another.
    cached: Cache<Tail, Cached>,
    /// Those whose digests the vault does not have yet.
    learned: Mutex<Vec<Arc<Known>>>,
}

/// A secret that was recognised, and what the vault says of it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) secret: Presented,
    tally: Arc<Tally>,
}

/// A secret that need not be looked up while the vault is unchanged.
#[derive(Clone, Debug)]
struct Cached {
    digest: Digest,
    stamp: Stamp,
    known: Arc<Known>,
}

/// What was decided on a request.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    /// What is left of the key's limit.
    pub(super) allowance: Option<Allowance>,
    /// The secret, if it is a key's.
    pub(super) known: Option<Arc<Known>>,
}

/// What was presented, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// The key; empty if there was none, or more than one.
    pub(super) presented: &'a str,
    /// What it has to open.
    pub(super) question: Question<'a>,
    /// From where it was presented.
    pub(super) address: Option<IpAddr>,
}

/// Whose a presented secret is.
enum Owner {
    Key(Arc<Known>),
    /// Nobody's, though it may end like one of the key's whose tally this is.
    Nobody(Verdict, Arc<Tally>),
    /// A key's, and refused whatever is asked.
    Refused(RefusedSecret),
}

impl Gate {
    pub(super) fn new(
        source: Arc<Source>,
        meter: Arc<Meter>,
        ended: Arc<Ended>,
        permissions: Permissions,
        hashers: Hashers,
        readers: Arc<Readers>,
    ) -> Self {
        Self {
            source,
            meter,
            ended,
            permissions,
            hashers,
            readers,
            turns: Turns::default(),
            throttle: Throttle::new(Instant::now()),
            cached: Cache::new(CACHED),
            learned: Mutex::default(),
        }
    }

    /// How many secrets are cached.
    pub(super) fn cached(&self) -> usize {
        self.cached.len()
    }

    /// Decides on a request, and counts it, if nothing has to be waited for: neither a lock on the
    /// vault nor a hash.
    ///
    /// # Errors
    /// If the vault cannot be read: then nothing is accepted.
    pub(super) fn decide_at_once(
        &self,
        asked: Asked<'_>,
        now: Timestamp,
    ) -> Option<Result<Decision, Error>> {
        let owner = match Secret::parse(asked.presented) {
            Err(malformed) => Ok(self.stranger(Verdict::Malformed(malformed))),
            Ok(secret) => self.owner_at_once(&secret)?,
        };
        Some(owner.map(|owner| self.decide_on(owner, asked, now)))
    }

    /// Decides on a request, and counts it.
    ///
    /// # Errors
    /// If the vault cannot be read: then nothing is accepted.
    pub(super) async fn decide(&self, asked: Asked<'_>, now: Timestamp) -> Result<Decision, Error> {
        let owner = match Secret::parse(asked.presented) {
            Err(malformed) => self.stranger(Verdict::Malformed(malformed)),
            Ok(secret) => self.owner(&secret).await?,
        };
        Ok(self.decide_on(owner, asked, now))
    }

    /// When a decision on a request may be answered; `None` if at once.
    pub(super) fn answer_at(&self, decision: &Decision, received: Instant) -> Option<Instant> {
        let is_refused = !decision.verdict.is_accepted();
        is_refused.then(|| self.throttle.answer_at(received, Instant::now()))
    }

    fn stranger(&self, verdict: Verdict) -> Owner {
        Owner::Nobody(verdict, Arc::clone(self.meter.nobody()))
    }

    /// Whose a secret is, from memory or by a look into the vault that waits for nobody.
    fn owner_at_once(&self, secret: &Secret) -> Option<Result<Owner, Error>> {
        let digest = Digest::of(secret);
        let tail = secret.tail();
        let cached = self.cached.get(&tail);
        if let Some(cached) = cached.filter(|cached| cached.digest.is(&digest))
            && self.source.stamp().ok()? == Some(cached.stamp)
        {
            return Some(Ok(Owner::Key(cached.known)));
        }
        let Fresh { value, stamp } = match self.source.look_up_at_once(&tail) {
            Ok(fresh) => fresh,
            Err(Error::Busy) => return None,
            Err(error) => return Some(Err(error)),
        };
        let found = match self.living(value, &digest) {
            Ok(found) => found,
            Err(owner) => return Some(Ok(owner)),
        };
        let matches = self.matches(&found, &digest)?;
        let tally = self.meter.tally_at_hand(&found.record, &self.source)?;
        Some(Ok(match matches {
            true => self.key(found, digest, stamp, tally),
            false => Owner::Nobody(Verdict::Mismatch, tally),
        }))
    }

    /// Whose a secret is, however long that takes to tell.
    async fn owner(&self, secret: &Secret) -> Result<Owner, Error> {
        let (source, tail) = (Arc::clone(&self.source), secret.tail());
        let fresh = self.reading(move || source.look_up(&tail)).await?;
        let digest = Digest::of(secret);
        let found = match self.living(fresh.value, &digest) {
            Ok(found) => found,
            Err(owner) => return Ok(owner),
        };
        let tally = self.tally(found.record.clone()).await?;
        match self.matches(&found, &digest) {
            Some(true) => Ok(self.key(found, digest, fresh.stamp, tally)),
            Some(false) => Ok(Owner::Nobody(Verdict::Mismatch, tally)),
            None => {
                let key = found.record.id;
                self.owner_by_hash(key, secret, digest, tally).await
            }
        }
    }

    async fn tally(&self, record: Record) -> Result<Arc<Tally>, Error> {
        let (source, meter) = (Arc::clone(&self.source), Arc::clone(&self.meter));
        self.reading(move || Ok(meter.tally(&record, &source)))
            .await
    }

    /// The secret of that tail, if a key has it; if not, whose the one with the digest is.
    fn living(&self, stored: Option<Stored>, digest: &Digest) -> Result<Presented, Owner> {
        match stored {
            Some(Stored::Living(found)) if refused::is_decoy(&found, digest) => {
                Err(Owner::Refused(RefusedSecret::of_decoy(*found)))
            }
            Some(Stored::Living(found)) => Ok(*found),
            Some(Stored::Dead(dead)) if dead.digest.is(digest) => {
                Err(Owner::Refused((*dead).into()))
            }
            Some(Stored::Dead(_)) | None => Err(self.stranger(Verdict::Unknown)),
        }
    }

    /// Whether it is the digest of a secret, as far as that is known.
    fn matches(&self, found: &Presented, digest: &Digest) -> Option<bool> {
        if let Some(kept) = found.verifier.digest() {
            return Some(kept.is(digest));
        }
        let Cached {
            known,
            digest: learned,
            ..
        } = self.cached.get(&found.tail)?;
        (known.secret.verifier == found.verifier).then(|| learned.is(digest))
    }

    /// The owner of a secret that matched, which is cached.
    fn key(&self, found: Presented, digest: Digest, stamp: Stamp, tally: Arc<Tally>) -> Owner {
        let tail = found.tail.clone();
        let known = self.known(found, tally);
        let cached = Cached {
            digest,
            stamp,
            known: Arc::clone(&known),
        };
        self.cached.insert(tail, cached);
        Owner::Key(known)
    }

    /// What judging a secret needs, which is all that is kept of very many.
    fn known(&self, mut secret: Presented, tally: Arc<Tally>) -> Arc<Known> {
        secret.verifier = secret.verifier.own();
        secret.record.key.description = None;
        secret.record.key.retiring = None;
        let known = Arc::new(Known { secret, tally });
        if known.secret.learned.is_some() {
            locked(&self.learned).push(Arc::clone(&known));
        }
        known
    }

    /// Whose a secret from before digests is.
    async fn owner_by_hash(
        &self,
        key: KeyId,
        secret: &Secret,
        digest: Digest,
        tally: Arc<Tally>,
    ) -> Result<Owner, Error> {
        let source = Arc::clone(&self.source);
        let presented = Zeroizing::new(secret.expose().to_owned());
        let recognised = self.in_turn(key, move |memory| {
            let mut read = None;
            let look_up = |tail: &Tail| {
                let Fresh { value, stamp } = source.look_up(tail)?;
                read = Some(stamp);
                Ok(value)
            };
            let recognised = recognise(&presented, look_up, memory)?;
            Ok((recognised, read))
        });
        let (recognised, stamp) = recognised.await?;
        match (recognised, stamp) {
            (Recognised::Secret(found), Some(stamp)) => Ok(self.key(*found, digest, stamp, tally)),
            (Recognised::Nobody(verdict), _) => Ok(self.stranger(verdict)),
            (Recognised::Dead(dead), _) => Ok(Owner::Refused((*dead).into())),
            _ => Ok(Owner::Nobody(Verdict::Mismatch, tally)),
        }
    }

    /// Hashes for a key, after those that came before for the same one.
    ///
    /// # Errors
    /// [`Error::Busy`] if that takes too long, or what `work` fails with.
    async fn in_turn<T: Send + 'static>(
        &self,
        key: KeyId,
        work: impl FnOnce(&mut HashMemory) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let hashed = timeout(SLOWEST_HASH, async {
            let _turn = self.turns.take(key).await;
            self.hashers.run(work).await
        });
        hashed.await.ok().flatten().unwrap_or(Err(Error::Busy))
    }

    fn decide_on(&self, owner: Owner, asked: Asked<'_>, now: Timestamp) -> Decision {
        match owner {
            Owner::Key(known) => self.judge(known, asked, now),
            Owner::Nobody(verdict, tally) => self.refuse(verdict, &tally, None, asked, now),
            Owner::Refused(RefusedSecret { verdict, key, tail }) => {
                let tally = self.meter.refused(key, &self.source);
                self.refuse(verdict, &tally, Some(&tail), asked, now)
            }
        }
    }

    fn refuse(
        &self,
        verdict: Verdict,
        tally: &Arc<Tally>,
        tail: Option<&Tail>,
        asked: Asked<'_>,
        now: Timestamp,
    ) -> Decision {
        let presented = Presentation {
            tail,
            address: asked.address,
            at: now,
        };
        self.meter.count(tally, presented, |_| (verdict, None));
        Decision {
            verdict,
            allowance: None,
            known: None,
        }
    }

    fn judge(&self, known: Arc<Known>, asked: Asked<'_>, now: Timestamp) -> Decision {
        let presented = Presentation {
            tail: Some(&known.secret.tail),
            address: asked.address,
            at: now,
        };
        let at = self.ended.time(&known.secret, now);
        let decide = |used: Used| {
            let verdict = judge(&known.secret, &asked.question, &self.permissions, at, used);
            (verdict, allowance(&known.secret.record, used, now))
        };
        let (verdict, allowance) = self.meter.count(&known.tally, presented, decide);
        if matches!(verdict, Verdict::Expired | Verdict::Retired) {
            self.ended.see(&known.secret, at);
        }
        Decision {
            verdict,
            allowance,
            known: Some(known),
        }
    }

    /// Reads on a thread on which that keeps nobody else waiting.
    async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let read = self.readers.run(move |()| work()).await;
        read.unwrap_or(Err(Error::Busy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_key_that_is_in_use_is_small() {
        assert!(size_of::<Known>() <= 320, "{}", size_of::<Known>());
        assert!(size_of::<Cached>() <= 64, "{}", size_of::<Cached>());
        assert!(size_of::<Tally>() <= 176, "{}", size_of::<Tally>());
    }
}
