//! Logins: a username, and a password that is a key's secret or was imported. Compared with
//! requests they are rare, and not cached.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::refused::RefusedSecret;
use super::request::{AuthRequest, Authorizer, Decision, SecretOwner};
use crate::key::{Digest, HashMemory, Kind, Secret, Tail};
use crate::vault::{Error, KeyId, Record, Vault};
use crate::verify::{Client, Need, Question, SecretMatch, Verdict, match_password, match_secret};

/// A login attempt.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct LoginAttempt<'a> {
    pub(in crate::serve) username: &'a str,
    pub(in crate::serve) password: &'a str,
    /// The client's address.
    pub(in crate::serve) address: Option<IpAddr>,
}

/// Possible owners of a login, before any hashing.
struct LoginCandidate {
    /// The key whose hash must be checked.
    hashed: Option<KeyId>,
    /// The key with the password's tail, or with the username's imported password.
    record: Option<Record>,
    /// The only key with the username.
    named: Option<Record>,
}

impl Authorizer {
    /// Decides on a login, and counts it.
    ///
    /// # Errors
    /// If the vault cannot be read: then nothing is accepted.
    pub(in crate::serve) async fn decide_login(
        &self,
        attempt: LoginAttempt<'_>,
        now: Timestamp,
    ) -> Result<Decision, Error> {
        let asked = AuthRequest {
            presented: attempt.password,
            question: Question {
                kind: Some(Kind::Smtp),
                username: Some(attempt.username),
                need: Need::Nothing,
                client: Client::At(attempt.address),
            },
            address: attempt.address,
        };
        let owner = self.login_owner(attempt).await?;
        Ok(self.decide_on(owner, asked, now))
    }

    /// The current owner of the password. A refusal counts for the key with the username, if no
    /// other is known.
    async fn login_owner(&self, attempt: LoginAttempt<'_>) -> Result<SecretOwner, Error> {
        let candidate = self.candidate(attempt).await?;
        let source = Arc::clone(&self.source);
        let username = attempt.username.to_owned();
        let password = Zeroizing::new(attempt.password.to_owned());
        let match_secret = move |memory: &mut HashMemory| {
            let by_tail = |tail: &Tail| Ok(source.read(|vault| vault.stored(tail))?.value);
            let matched = match_secret(&password, by_tail, memory)?;
            let by_username = |name: &str| Ok(source.read(|vault| vault.imported(name))?.value);
            match_password(&password, &username, matched, by_username, memory)
        };
        let matched = match candidate.hashed {
            Some(key) => self.run_queued(key, match_secret).await?,
            None => {
                let without_hash = move || match_secret(&mut HashMemory::default());
                self.reading(without_hash).await?
            }
        };
        Ok(match (matched, candidate) {
            (SecretMatch::Secret(secret), _) if secret.record.key.is_decoy => {
                SecretOwner::Refused(RefusedSecret::of_decoy(*secret))
            }
            (SecretMatch::Secret(secret), _) => {
                let key_usage = self.key_usage(secret.record.clone()).await?;
                SecretOwner::Key(self.known(*secret, key_usage))
            }
            (
                SecretMatch::Lookalike(_) | SecretMatch::WrongPassword(_),
                LoginCandidate {
                    record: Some(record),
                    ..
                },
            )
            | (
                SecretMatch::Nobody(_),
                LoginCandidate {
                    named: Some(record),
                    ..
                },
            ) => SecretOwner::Nobody(Verdict::Mismatch, self.key_usage(record).await?),
            (SecretMatch::Nobody(verdict), _) => self.unknown_secret(verdict),
            (SecretMatch::Dead(dead), _) => SecretOwner::Refused((*dead).into()),
            _ => self.unknown_secret(Verdict::Mismatch),
        })
    }

    async fn candidate(&self, attempt: LoginAttempt<'_>) -> Result<LoginCandidate, Error> {
        let source = Arc::clone(&self.source);
        let username = attempt.username.to_owned();
        let secret = Secret::parse(attempt.password).ok();
        let presented = secret.map(|secret| (secret.tail(), Digest::of(&secret)));
        let find = move |vault: &Vault| LoginCandidate::find(vault, &username, presented.as_ref());
        let fresh = self.reading(move || source.read(find)).await?;
        Ok(fresh.value)
    }
}

impl LoginCandidate {
    fn find(
        vault: &Vault,
        username: &str,
        presented: Option<&(Tail, Digest)>,
    ) -> Result<Self, Error> {
        let by_tail = presented.map(|(tail, _)| vault.presented(tail));
        let by_tail = by_tail.transpose()?.flatten();
        let imported = vault.imported(username)?;
        let is_older = by_tail
            .as_ref()
            .filter(|found| found.verifier.digest().is_none());
        let is_it = by_tail
            .as_ref()
            .zip(presented)
            .is_some_and(|(found, (_, digest))| {
                let is_digest = found.verifier.digest().is_some_and(|kept| kept.is(digest));
                is_digest
                    && found
                        .record
                        .key
                        .username()
                        .is_some_and(|name| name.is(username))
            });
        let hashed = is_older.or(imported.as_ref().filter(|_| !is_it));
        Ok(Self {
            hashed: hashed.map(|found| found.record.id),
            named: vault.of_username(username)?,
            record: by_tail.or(imported).map(|found| found.record),
        })
    }
}
