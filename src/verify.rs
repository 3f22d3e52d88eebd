//! Decides on a presented secret: the only place that does.

mod refusal;

use std::net::IpAddr;

use jiff::Timestamp;
use strum::{IntoStaticStr, VariantArray};

use crate::key::{
    Allowance, Digest, HashError, HashMemory, Key, Kind, Limit, Malformed, Permission, Secret,
    Status, Tail, WindowUse,
};
use crate::settings::Permissions;
use crate::vault::{Cause, DeadSecret, Error, FoundSecret, KeyId, Record, StoredSecret};

pub use refusal::Refusal;

/// The verdict on a presented secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Verdict {
    /// It is valid for the request.
    Accepted,
    /// It is not well-formed.
    Malformed(Malformed),
    /// It does not belong to a key in this vault.
    Unknown,
    /// It only has the tail of a key's secret, or does not open what was requested.
    Mismatch,
    /// Its key is a decoy, which is never valid.
    Decoy,
    /// Its key is inactive.
    Inactive,
    /// Its key has expired.
    Expired,
    /// It has retired after a rotation.
    Retired,
    /// It was replaced by a new secret.
    Replaced,
    /// It was revoked after a leak.
    Revoked,
    /// Its key was deleted.
    Deleted,
    /// Its key cannot be used from the client's network.
    Network,
    /// Its key cannot send mail from that address.
    Sender,
    /// Its key lacks the permission.
    PermissionMissing,
    /// Its key has reached its limit.
    OverLimit,
}

impl Verdict {
    /// The response to a refused caller; `None` if the secret is accepted.
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Accepted => None,
            Self::Network => Some(Refusal::NETWORK_DENIED),
            Self::Sender | Self::PermissionMissing => Some(Refusal::PERMISSION_DENIED),
            Self::OverLimit => Some(Refusal::TOO_MANY_REQUESTS),
            _ => Some(Refusal::UNAUTHORIZED),
        }
    }

    /// Whether the secret is accepted.
    pub fn is_accepted(self) -> bool {
        self == Self::Accepted
    }
}

impl From<Cause> for Verdict {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Replaced => Self::Replaced,
            Cause::Retired => Self::Retired,
            Cause::Revoked => Self::Revoked,
            Cause::Deleted => Self::Deleted,
        }
    }
}

/// What a caller requires besides a valid secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question<'a> {
    /// The required kind of key; gateways only accept API keys.
    pub kind: Option<Kind>,
    /// The login that the secret must belong to, compared without case.
    pub username: Option<&'a str>,
    /// The required permission.
    pub need: Need<'a>,
    /// The client.
    pub client: Client,
}

/// The client that presents a secret, for keys that can only be used from some networks.
#[derive(Clone, Copy, Debug, Default)]
pub enum Client {
    /// There is none: the operator wants to know something about the secret.
    #[default]
    None,
    /// It has this address, if known.
    At(Option<IpAddr>),
}

/// What a key must be permitted to do.
#[derive(Clone, Copy, Debug, Default)]
pub enum Need<'a> {
    /// Nothing in particular.
    #[default]
    Nothing,
    /// Whatever a permission allows.
    Permission(&'a Permission),
    /// A request, with its target as the client sent it.
    Request {
        /// `GET`, `POST`
        method: &'a str,
        /// `/v3/contacts?limit=10`
        target: &'a str,
    },
    /// To send mail to one recipient, from an envelope sender, which may be empty.
    Recipient(&'a str),
    /// To send a mail from an envelope sender, to recipients that were allowed before.
    Mail(&'a str),
}

/// The owner of a presented secret.
#[derive(Debug)]
pub enum SecretMatch {
    /// None is known; this is the verdict.
    Nobody(Verdict),
    /// None, but it has the tail of this key's secret.
    Lookalike(KeyId),
    /// None, but it was presented for the login of this key's imported password.
    WrongPassword(KeyId),
    /// A key, whose secret it is, current or not.
    Secret(Box<StoredSecret>),
    /// A key that no longer has it.
    Dead(Box<DeadSecret>),
}

impl SecretMatch {
    /// The key's secret, or the verdict.
    pub fn secret(&self) -> Result<&StoredSecret, Verdict> {
        match self {
            Self::Nobody(verdict) => Err(*verdict),
            Self::Lookalike(_) | Self::WrongPassword(_) => Err(Verdict::Mismatch),
            Self::Secret(secret) => Ok(secret),
            Self::Dead(dead) => Err(dead.cause.into()),
        }
    }

    /// The dead secret, if it is one.
    pub fn dead(&self) -> Option<&DeadSecret> {
        match self {
            Self::Dead(dead) => Some(dead),
            _ => None,
        }
    }

    /// Whether it is a secret of a key with that login.
    fn has_login(&self, login: &str) -> bool {
        let key = self.secret().ok().map(|secret| &secret.record.key);
        let username = key.and_then(Key::username);
        username.is_some_and(|username| username.is(login))
    }
}

/// Finds the owner of a presented text: checks shape and checksum, then the tail, then the digest,
/// so that knowing a tail reveals nothing.
///
/// `look_up` is only called for a well-formed secret. For a secret without a digest, the hash is
/// checked and `look_up` called again: a key that was deactivated meanwhile is refused.
///
/// # Errors
/// If the vault cannot be read, or the hash is too costly to check.
pub fn match_secret(
    presented: &str,
    mut look_up: impl FnMut(&Tail) -> Result<Option<FoundSecret>, Error>,
    memory: &mut HashMemory,
) -> Result<SecretMatch, Error> {
    let secret = match Secret::parse(presented) {
        Ok(secret) => secret,
        Err(malformed) => return Ok(SecretMatch::Nobody(Verdict::Malformed(malformed))),
    };
    let tail = secret.tail();
    let digest = Digest::of(&secret);
    let known = match look_up(&tail)? {
        Some(FoundSecret::Owned(known)) => known,
        Some(FoundSecret::Dead(dead)) if dead.digest.is(&digest) => {
            return Ok(SecretMatch::Dead(dead));
        }
        Some(FoundSecret::Dead(_)) | None => return Ok(SecretMatch::Nobody(Verdict::Unknown)),
    };
    if !checked(&known, known.verifier.matches(&secret, memory))? {
        return Ok(SecretMatch::Lookalike(known.record.id));
    }
    if known.verifier.digest().is_some() {
        return Ok(SecretMatch::Secret(known));
    }
    let Some(FoundSecret::Owned(again)) = look_up(&tail)? else {
        return Ok(SecretMatch::Nobody(Verdict::Unknown));
    };
    let learned = match again.verifier.digest() {
        // Another request stored the digest meanwhile.
        Some(kept) if kept.is(&digest) => None,
        None if again.verifier == known.verifier => Some(Box::new(digest)),
        _ => return Ok(SecretMatch::Nobody(Verdict::Unknown)),
    };
    let secret = StoredSecret { learned, ..*again };
    Ok(SecretMatch::Secret(Box::new(secret)))
}

/// Compares a presented password with the imported password of a login, unless it is already known
/// as a secret of that login: Dovecot uses the same order. `look_up` finds the login's imported
/// password; like [`match_secret`], it is called again after hashing.
///
/// # Errors
/// If the vault cannot be read, or the hash is too costly to check.
pub fn match_password(
    presented: &str,
    login: &str,
    matched: SecretMatch,
    mut look_up: impl FnMut(&str) -> Result<Option<StoredSecret>, Error>,
    memory: &mut HashMemory,
) -> Result<SecretMatch, Error> {
    if presented.is_empty() || matched.has_login(login) {
        return Ok(matched);
    }
    let Some(known) = look_up(login)? else {
        return Ok(matched);
    };
    if !checked(&known, known.verifier.matches_hash(presented, memory))? {
        return Ok(match matched {
            SecretMatch::Nobody(_) => SecretMatch::WrongPassword(known.record.id),
            matched => matched,
        });
    }
    let again = look_up(login)?.filter(|again| again.verifier == known.verifier);
    Ok(again.map_or(matched, |again| SecretMatch::Secret(Box::new(again))))
}

/// Whether it matches, or which key's hash cannot be checked.
fn checked(known: &StoredSecret, matches: Result<bool, HashError>) -> Result<bool, Error> {
    matches.map_err(|error| Error::of_hash(&known.record.key.name, error))
}

/// The conditions under which a key's secret is accepted, in the order in which they are checked:
/// the first that fails is the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum Condition {
    /// The key is not a decoy.
    Decoy,
    /// It is the key's current secret, or the old one within its grace period.
    Current,
    /// The key is active.
    Status,
    /// The key has not expired.
    Expiry,
    /// The key has the required kind and login.
    Kind,
    /// The key can be used from the client's network.
    Network,
    /// The key can send mail from the envelope sender.
    Sender,
    /// The key has the required permission.
    Permission,
    /// The key has not reached its limit.
    Limit,
}

impl Condition {
    /// Whether a secret meets the condition `at` that time, after its key's use in the current
    /// window.
    pub fn passes(
        self,
        secret: &StoredSecret,
        question: &Question<'_>,
        permissions: &Permissions,
        at: Timestamp,
        used: WindowUse,
    ) -> bool {
        let key = &secret.record.key;
        match self {
            Self::Decoy => !key.is_decoy,
            Self::Current => !secret.is_retired(at),
            Self::Status => key.status == Status::Active,
            Self::Expiry => !key.has_expired(at),
            Self::Kind => question.has_login(key),
            Self::Network => match question.client {
                Client::None => true,
                Client::At(address) => key.networks.include(address),
            },
            Self::Sender => match question.need {
                Need::Recipient(sender) | Need::Mail(sender) => {
                    key.senders().is_some_and(|senders| senders.include(sender))
                }
                _ => true,
            },
            Self::Permission => question.is_allowed(key, permissions),
            Self::Limit => {
                let allowance = allowance(&secret.record, question.need, used, at);
                allowance.is_none_or(|allowance| allowance.remaining() > 0)
            }
        }
    }

    /// The verdict if the condition is not met.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Decoy => Verdict::Decoy,
            Self::Current => Verdict::Retired,
            Self::Status => Verdict::Inactive,
            Self::Expiry => Verdict::Expired,
            Self::Kind => Verdict::Mismatch,
            Self::Network => Verdict::Network,
            Self::Sender => Verdict::Sender,
            Self::Permission => Verdict::PermissionMissing,
            Self::Limit => Verdict::OverLimit,
        }
    }
}

/// Decides whether a known secret is accepted `at` that time, after its key's use in the current
/// window.
pub fn judge(
    secret: &StoredSecret,
    question: &Question<'_>,
    permissions: &Permissions,
    at: Timestamp,
    used: WindowUse,
) -> Verdict {
    let mut checks = Condition::VARIANTS.iter().copied();
    let failed = checks.find(|check| !check.passes(secret, question, permissions, at, used));
    failed.map_or(Verdict::Accepted, Condition::verdict)
}

/// What is left of a key's limit, if it has one for what is needed; a decoy has none.
pub fn allowance(
    record: &Record,
    need: Need<'_>,
    used: WindowUse,
    at: Timestamp,
) -> Option<Allowance> {
    let limit = match need {
        _ if record.key.is_decoy => Limit::None,
        Need::Recipient(_) => record.key.limit(),
        _ => record.key.request_limit(),
    };
    limit.allowance(used, at)
}

impl Question<'_> {
    /// Whether the key has the required kind and login.
    fn has_login(&self, key: &Key) -> bool {
        let is_login = |asked: &str| key.username().is_some_and(|username| username.is(asked));
        self.kind.is_none_or(|kind| key.kind() == kind) && self.username.is_none_or(is_login)
    }

    /// Whether the key has the required permission; SMTP keys have no permissions.
    fn is_allowed(&self, key: &Key, permissions: &Permissions) -> bool {
        match (self.need, key.permission()) {
            (Need::Nothing | Need::Recipient(_) | Need::Mail(_), _) => true,
            (_, None) => false,
            (Need::Permission(needed), Some(own)) => permissions.covers(own, needed),
            (Need::Request { method, target }, Some(own)) => permissions.allow(own, method, target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage;

    /// The usage record keeps the words of verdicts, and is searched for those of causes.
    #[test]
    fn a_verdict_has_the_word_of_its_cause() {
        for &cause in Cause::VARIANTS {
            assert_eq!(Verdict::from(cause).into_str(), cause.into_str());
        }
        assert_eq!(Verdict::Accepted.into_str(), usage::ACCEPTED);
    }
}
