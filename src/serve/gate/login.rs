//! Logins: a username, and a password that is a key's secret or was imported. They are few beside
//! requests, and nothing is remembered of them.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{Asked, Decision, Gate, Known, LONGEST, Stranger};
use crate::key::{Kind, Malformed, Secret, Tail};
use crate::vault::{Error, KeyId, Presented, Vault};
use crate::verify::{Need, Question, Verdict, recognise, recognise_password};

/// A login that somebody tries.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct Attempt<'a> {
    pub(in crate::serve) username: &'a str,
    pub(in crate::serve) password: &'a str,
    /// From where.
    pub(in crate::serve) address: Option<IpAddr>,
}

/// Whose login it may be, as far as can be told without a hash.
struct Candidate {
    /// The key whose hash has to be computed.
    hashed: Option<KeyId>,
    /// The one key that has the username.
    named: Option<KeyId>,
}

impl Gate {
    /// Decides on a login, and counts it.
    ///
    /// # Errors
    /// If the vault cannot be read: then nothing is accepted.
    pub(in crate::serve) async fn decide_login(
        &self,
        attempt: Attempt<'_>,
        now: Timestamp,
    ) -> Result<Decision, Error> {
        let asked = Asked {
            presented: attempt.password,
            question: Question {
                kind: Some(Kind::Smtp),
                username: Some(attempt.username),
                need: Need::Nothing,
            },
            address: attempt.address,
        };
        let recognised = self.recognise_login(attempt).await;
        self.conclude(recognised, asked, now).await
    }

    /// Whose password it is, as the vault has it now. A refusal counts for the key that has the
    /// username, if no other is known.
    async fn recognise_login(&self, attempt: Attempt<'_>) -> Result<Arc<Known>, Stranger> {
        if attempt.password.len() > LONGEST {
            let long = Verdict::Malformed(Malformed::Long);
            return Err(Stranger::Refused(long, None));
        }
        let (tail, verdict) = match Secret::parse(attempt.password) {
            Ok(secret) => (Some(secret.tail()), Verdict::Unknown),
            Err(malformed) => (None, Verdict::Malformed(malformed)),
        };
        let candidate = self.candidate(attempt.username, tail).await?;
        let recognised = match candidate.hashed {
            None => Err(Stranger::Refused(verdict, None)),
            Some(key) => {
                let _turn = self.turns.take(key).await;
                self.hash_for(attempt).await
            }
        };
        match (recognised, candidate.named) {
            (Err(Stranger::Refused(_, None)), named @ Some(_)) => {
                Err(Stranger::Refused(Verdict::Mismatch, named))
            }
            (recognised, _) => recognised,
        }
    }

    async fn candidate(&self, username: &str, tail: Option<Tail>) -> Result<Candidate, Error> {
        let (source, username) = (Arc::clone(&self.source), username.to_owned());
        let find = move |vault: &Vault| {
            let by_tail = tail
                .as_ref()
                .map(|tail| vault.presented(tail))
                .transpose()?;
            let hashed = match by_tail.flatten() {
                None => vault.imported(&username)?,
                by_tail => by_tail,
            };
            let named = vault.of_username(&username)?;
            Ok(Candidate {
                hashed: hashed.map(|secret| secret.record.id),
                named: named.map(|record| record.id),
            })
        };
        let fresh = self.reading(move || source.read(find)).await?;
        Ok(fresh.value)
    }

    async fn hash_for(&self, attempt: Attempt<'_>) -> Result<Arc<Known>, Stranger> {
        let (source, meter) = (Arc::clone(&self.source), Arc::clone(&self.meter));
        let username = attempt.username.to_owned();
        let password = Zeroizing::new(attempt.password.to_owned());
        let recognised = self.hashers.run(move |memory| {
            let mut read = None;
            let mut look_up = |find: &dyn Fn(&Vault) -> Result<Option<Presented>, Error>| {
                let fresh = source.read(find)?;
                read = Some(fresh.stamp);
                Ok(fresh.value)
            };
            let by_tail = |tail: &Tail| look_up(&|vault| vault.presented(tail));
            let recognised = recognise(&password, by_tail, memory)?;
            let by_username = |username: &str| look_up(&|vault| vault.imported(username));
            let recognised =
                recognise_password(&password, &username, recognised, by_username, memory)?;
            Known::of(recognised, read, &meter, &source)
        });
        let unavailable = Err(Stranger::Unavailable(Error::Busy));
        recognised.await.unwrap_or(unavailable)
    }
}
