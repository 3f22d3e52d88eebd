//! Decides on a request, and counts it.

use std::sync::Arc;

use jiff::Timestamp;

use super::request::{PolicyRequest, Stage};
use super::response::{PolicyDecision, PolicyRefusal};
use crate::key::{Allowance, Kind, Limit, Networks, Tail};
use crate::serve::app::App;
use crate::serve::key_usage::{KeyUsage, PresentedUse, Use};
use crate::settings::Permissions;
use crate::vault::{DeadSecret, Error, FoundSecret, StoredSecret, Vault};
use crate::verify::{Client, Need, Question, Verdict, allowance, judge};

/// What separates the login from the secret's tail in a username that Dovecot tells of.
const SEPARATOR: char = '/';

/// The secrets that a username may stand for.
enum Candidates {
    /// Valid ones or not; only of a login that several keys share are there several.
    Secrets(Vec<StoredSecret>),
    /// One that no key has any more.
    Dead(Box<DeadSecret>),
}

/// The recipients that were accepted of the mail that a connection is about.
#[derive(Debug, Default)]
pub(super) struct Mail {
    instance: String,
    recipients: u32,
}

impl Mail {
    /// Counts an accepted recipient.
    fn add(&mut self, request: &PolicyRequest) {
        if self.instance != request.instance {
            *self = Self {
                instance: request.instance.clone(),
                recipients: 0,
            };
        }
        self.recipients = self.recipients.saturating_add(1);
    }

    /// How many accepted recipients do not get the mail at its end, as the server refused them for
    /// another reason.
    fn unused(&self, request: &PolicyRequest) -> u32 {
        match self.instance == request.instance {
            true => self.recipients.saturating_sub(request.recipients),
            false => 0,
        }
    }
}

impl App {
    /// Decides on a request of Postfix.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub(super) async fn decide_policy(
        &self,
        request: &PolicyRequest,
        mail: &mut Mail,
        now: Timestamp,
    ) -> Result<PolicyDecision, Error> {
        if request.username.is_empty() {
            return Ok(PolicyDecision::Pass);
        }
        let candidates = self.candidates(&request.username).await?;
        let secrets = match candidates {
            Candidates::Secrets(secrets) => secrets,
            Candidates::Dead(dead) => {
                let key_usage = self.usage_recorder.refused(dead.key_id, &self.source);
                let tail = Some(&dead.tail);
                return Ok(self.refuse_secret(dead.cause.into(), &key_usage, tail, request, now));
            }
        };
        let mut first = None;
        for secret in secrets {
            match self.judge_policy(&secret, request, mail, now).await? {
                PolicyDecision::Pass => return Ok(PolicyDecision::Pass),
                PolicyDecision::Refuse(refusal) => first = first.or(Some(refusal)),
            }
        }
        Ok(match first {
            Some(refusal) => PolicyDecision::Refuse(refusal),
            None => {
                let key_usage = self.usage_recorder.unknown_key();
                self.refuse_secret(Verdict::Unknown, key_usage, None, request, now)
            }
        })
    }

    /// Looks up the secret whose tail is in a username, or those of a login.
    async fn candidates(&self, username: &str) -> Result<Candidates, Error> {
        let by_tail = username
            .rsplit_once(SEPARATOR)
            .and_then(|(login, tail)| Some((login, tail.parse::<Tail>().ok()?)));
        let Some((login, tail)) = by_tail else {
            let login = username.to_owned();
            let source = Arc::clone(&self.source);
            let read = move || Ok(source.read(|vault| of_login(vault, &login))?.value);
            let secrets = self.authorizer.reading(read).await;
            return secrets.map(Candidates::Secrets);
        };
        let found = match self.source.try_look_up(&tail) {
            Err(Error::Busy) => {
                let source = Arc::clone(&self.source);
                self.authorizer.reading(move || source.look_up(&tail)).await
            }
            found => found,
        };
        Ok(match found?.value {
            Some(FoundSecret::Owned(found)) => {
                let is_of_login = |secret: &StoredSecret| {
                    let username = secret.record.key.username();
                    username.is_some_and(|username| username.is(login))
                };
                Candidates::Secrets(Some(*found).into_iter().filter(is_of_login).collect())
            }
            Some(FoundSecret::Dead(dead)) => Candidates::Dead(dead),
            None => Candidates::Secrets(Vec::new()),
        })
    }

    async fn judge_policy(
        &self,
        secret: &StoredSecret,
        request: &PolicyRequest,
        mail: &mut Mail,
        now: Timestamp,
    ) -> Result<PolicyDecision, Error> {
        let sender = request.sender.as_str();
        let (accepted, need) = match request.stage {
            Stage::Recipient => (Use::Asked, Need::Recipient(sender)),
            Stage::EndOfMessage => {
                let (recipients, unused) = (request.recipients, mail.unused(request));
                (Use::Mail { recipients, unused }, Need::Mail(sender))
            }
            Stage::Other => (Use::Asked, Need::Nothing),
        };
        let question = Question {
            kind: Some(Kind::Smtp),
            username: None,
            need,
            client: Client::At(request.address),
        };
        let record = &secret.record;
        let key_usage = match self.usage_recorder.try_key_usage(record, &self.source) {
            Some(key_usage) => key_usage,
            None => self.authorizer.key_usage(record.clone()).await?,
        };
        let presented = PresentedUse {
            tail: Some(&secret.tail),
            address: request.address,
            at: now,
            request: None,
        };
        let at = self.ended.time(secret, now);
        let (verdict, left) =
            self.usage_recorder
                .count_as(accepted, &key_usage, presented, |used| {
                    let permissions = Permissions::default();
                    let verdict = judge(secret, &question, &permissions, at, used);
                    (verdict, allowance(record, need, used, now))
                });
        if matches!(verdict, Verdict::Expired | Verdict::Retired) {
            self.ended.note_ended(secret, at);
        }
        if verdict.is_accepted() {
            if request.stage == Stage::Recipient {
                mail.add(request);
            }
            return Ok(PolicyDecision::Pass);
        }
        let resets_at = left.and_then(Allowance::reset);
        Ok(PolicyDecision::Refuse(PolicyRefusal {
            key: Some(record.key.name.clone()),
            networks: record.key.networks.clone(),
            limit: record.key.limit(),
            resets_at,
            ..PolicyRefusal::of(verdict)
        }))
    }

    /// Refuses a secret that no key has, and counts that.
    fn refuse_secret(
        &self,
        verdict: Verdict,
        key_usage: &Arc<KeyUsage>,
        tail: Option<&Tail>,
        request: &PolicyRequest,
        now: Timestamp,
    ) -> PolicyDecision {
        let presented = PresentedUse {
            tail,
            address: request.address,
            at: now,
            request: None,
        };
        self.usage_recorder
            .count(key_usage, presented, |_| (verdict, None));
        PolicyDecision::Refuse(PolicyRefusal::of(verdict))
    }
}

impl PolicyRefusal {
    fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            key: None,
            networks: Networks::default(),
            limit: Limit::None,
            resets_at: None,
        }
    }
}

/// The current secrets of the keys with a login, an imported password's first.
fn of_login(vault: &Vault, login: &str) -> Result<Vec<StoredSecret>, Error> {
    let mut secrets: Vec<_> = vault.imported(login)?.into_iter().collect();
    for name in vault.names_of_username(login)? {
        let record = vault.find(&name)?;
        let is_new = |secret: &StoredSecret| secret.record.id != record.id;
        if secrets.iter().all(is_new) {
            secrets.extend(vault.presented(&record.key.tail)?);
        }
    }
    Ok(secrets)
}
