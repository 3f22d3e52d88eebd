//! From a presented secret to a decision, without sockets: fresh, and cheap for secrets that
//! were seen before.

mod login;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use quick_cache::sync::Cache;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::ended::Ended;
use super::meter::{Meter, Presentation, Tally};
use super::pool::{Hashers, Readers};
use super::source::{Fresh, Source, Stamp};
use super::throttle::Throttle;
use super::turns::Turns;
use crate::key::{Allowance, Secret, Used};
use crate::settings::Permissions;
use crate::vault::{Error, KeyId, Presented};
use crate::verify::{Question, Recognised, Verdict, allowance, judge, recognise};
pub(super) use login::Attempt;

/// How many accepted secrets are remembered, some 500 bytes each.
const REMEMBERED: usize = 1 << 17;

/// How many wrong secrets are remembered.
const WRONG: usize = 1 << 12;

/// A presented text longer than this is no secret, in bytes; far more than one has.
const LONGEST: usize = 1024;

/// A secret under a key that only this process has, so that none is kept.
type Digest = [u8; 32];

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
    mac: Hmac<Sha256>,
    remembered: Cache<Digest, Arc<Known>>,
    wrong: Cache<Digest, (Stamp, KeyId)>,
}

/// A secret that was recognised, and what the vault says of it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) secret: Presented,
    stamp: Stamp,
    tally: Arc<Tally>,
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

/// Why there is nothing to judge.
enum Stranger {
    /// It is nobody's secret, though it may end like one of this key's.
    Refused(Verdict, Option<KeyId>),
    /// That cannot be told now.
    Unavailable(Error),
}

impl From<Error> for Stranger {
    fn from(error: Error) -> Self {
        Self::Unavailable(error)
    }
}

impl Known {
    /// What was recognised under a state of the vault. Blocks.
    fn of(
        recognised: Recognised,
        read: Option<Stamp>,
        meter: &Meter,
        source: &Source,
    ) -> Result<Arc<Self>, Stranger> {
        match recognised {
            Recognised::Nobody(verdict) => Err(Stranger::Refused(verdict, None)),
            Recognised::Lookalike(key) | Recognised::WrongPassword(key) => {
                Err(Stranger::Refused(Verdict::Mismatch, Some(key)))
            }
            Recognised::Secret(secret) => Ok(Arc::new(Self {
                tally: meter.tally(secret.record.id, source),
                secret: *secret,
                stamp: read.expect("a secret is recognised by what was read"),
            })),
        }
    }
}

impl Gate {
    /// A gate that remembers secrets under a random key of its own.
    pub(super) fn new(
        source: Arc<Source>,
        meter: Arc<Meter>,
        ended: Arc<Ended>,
        permissions: Permissions,
        hashers: Hashers,
        readers: Arc<Readers>,
        key: &[u8; 32],
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
            mac: Hmac::new_from_slice(key).expect("HMAC takes keys of any length"),
            remembered: Cache::new(REMEMBERED),
            wrong: Cache::new(WRONG),
        }
    }

    /// How many accepted secrets are remembered.
    pub(super) fn remembered(&self) -> usize {
        self.remembered.len()
    }

    /// Decides on a request, and counts it, if nothing has to be waited for: if its secret was
    /// recognised before and the vault was not changed since.
    pub(super) fn decide_at_once(&self, asked: Asked<'_>, now: Timestamp) -> Option<Decision> {
        let is_short = asked.presented.len() <= LONGEST;
        let digest = is_short.then(|| self.digest(asked.presented))?;
        let known = self.remembered.get(&digest)?;
        let stamp = self.source.stamp().ok()?;
        (stamp == Some(known.stamp)).then(|| self.judge(known, asked, now))
    }

    /// Decides on a request, and counts it.
    ///
    /// # Errors
    /// If the vault cannot be read: then nothing is accepted.
    pub(super) async fn decide(&self, asked: Asked<'_>, now: Timestamp) -> Result<Decision, Error> {
        let recognised = self.recognise(asked.presented).await;
        self.conclude(recognised, asked, now).await
    }

    /// Judges what was recognised, and counts it.
    async fn conclude(
        &self,
        recognised: Result<Arc<Known>, Stranger>,
        asked: Asked<'_>,
        now: Timestamp,
    ) -> Result<Decision, Error> {
        match recognised {
            Ok(known) => Ok(self.judge(known, asked, now)),
            Err(Stranger::Refused(verdict, key)) => Ok(self.refuse(verdict, key, asked, now).await),
            Err(Stranger::Unavailable(error)) => Err(error),
        }
    }

    /// How long to wait before a decision is told.
    pub(super) fn penalty(&self, decision: &Decision) -> Option<Duration> {
        let is_refused = !decision.verdict.is_accepted();
        is_refused.then(|| self.throttle.penalty(Instant::now()))?
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

    /// Counts a refusal, for the key that the secret ends like if there is one.
    async fn refuse(
        &self,
        verdict: Verdict,
        key: Option<KeyId>,
        asked: Asked<'_>,
        now: Timestamp,
    ) -> Decision {
        let tally = match key {
            None => Arc::clone(self.meter.nobody()),
            Some(key) => {
                let (meter, source) = (Arc::clone(&self.meter), Arc::clone(&self.source));
                let found = self.readers.run(move |()| meter.tally(key, &source)).await;
                found.unwrap_or_else(|| Arc::clone(self.meter.nobody()))
            }
        };
        let presented = Presentation {
            tail: None,
            address: asked.address,
            at: now,
        };
        self.meter.count(&tally, presented, |_| (verdict, None));
        Decision {
            verdict,
            allowance: None,
            known: None,
        }
    }

    /// Whose secret it is, as the vault has it now.
    async fn recognise(&self, presented: &str) -> Result<Arc<Known>, Stranger> {
        if presented.len() > LONGEST {
            let long = crate::key::Malformed::Long;
            return Err(Stranger::Refused(Verdict::Malformed(long), None));
        }
        let digest = self.digest(presented);
        let known = match self.remembered.get(&digest) {
            Some(known) => known,
            None => self.first_sight(presented, digest).await?,
        };
        if self.source.stamp()? == Some(known.stamp) {
            return Ok(known);
        }
        self.look_again(known, digest).await
    }

    fn digest(&self, presented: &str) -> Digest {
        let mut mac = self.mac.clone();
        mac.update(presented.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Asks the vault again about a secret that was recognised before it was changed. If it
    /// has the same hash still, that need not be computed anew.
    async fn look_again(&self, known: Arc<Known>, digest: Digest) -> Result<Arc<Known>, Stranger> {
        let (source, meter) = (Arc::clone(&self.source), Arc::clone(&self.meter));
        let tail = known.secret.tail.clone();
        let look_up = move || {
            let fresh = source.look_up(&tail)?;
            let is_same = |secret: &Presented| secret.hash == known.secret.hash;
            let secret = fresh.value.filter(is_same);
            Ok(secret.map(|secret| Known {
                tally: meter.tally(secret.record.id, &source),
                secret,
                stamp: fresh.stamp,
            }))
        };
        match self.reading(look_up).await? {
            Some(again) => {
                let again = Arc::new(again);
                self.remembered.insert(digest, Arc::clone(&again));
                Ok(again)
            }
            None => {
                self.remembered.remove(&digest);
                Err(Stranger::Refused(Verdict::Unknown, None))
            }
        }
    }

    /// Recognises a secret that was not seen before, once for all that present it at a time.
    async fn first_sight(&self, presented: &str, digest: Digest) -> Result<Arc<Known>, Stranger> {
        let meet = self.meet(presented, digest);
        self.remembered.get_or_insert_async(&digest, meet).await
    }

    /// Finds out whose secret it is that was not seen before. What has not the shape of one, or
    /// a tail that no key has, costs no hash.
    async fn meet(&self, presented: &str, digest: Digest) -> Result<Arc<Known>, Stranger> {
        let secret = Secret::parse(presented)
            .map_err(|malformed| Stranger::Refused(Verdict::Malformed(malformed), None))?;
        if let Some((stamp, key)) = self.wrong.get(&digest)
            && self.source.stamp()? == Some(stamp)
        {
            return Err(Stranger::Refused(Verdict::Mismatch, Some(key)));
        }
        let (source, tail) = (Arc::clone(&self.source), secret.tail());
        let fresh = self.reading(move || source.look_up(&tail)).await?;
        let Some(ends_like) = fresh.value else {
            return Err(Stranger::Refused(Verdict::Unknown, None));
        };
        let _turn = self.turns.take(ends_like.record.id).await;
        let known = self.hash(presented).await;
        if let Err(Stranger::Refused(Verdict::Mismatch, Some(key))) = known {
            self.wrong.insert(digest, (fresh.stamp, key));
        }
        known
    }

    async fn hash(&self, presented: &str) -> Result<Arc<Known>, Stranger> {
        let (source, meter) = (Arc::clone(&self.source), Arc::clone(&self.meter));
        let presented = Zeroizing::new(presented.to_owned());
        let recognised = self.hashers.run(move |memory| {
            let mut read = None;
            let look_up = |tail: &_| {
                let Fresh { value, stamp } = source.look_up(tail)?;
                read = Some(stamp);
                Ok(value)
            };
            let recognised = recognise(&presented, look_up, memory)?;
            Known::of(recognised, read, &meter, &source)
        });
        recognised
            .await
            .unwrap_or_else(|| Err(Stranger::Unavailable(Error::Busy)))
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
