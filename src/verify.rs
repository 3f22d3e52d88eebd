//! From a presented text to a verdict: one function decides, whoever asks.

use jiff::Timestamp;
use strum::{IntoStaticStr, VariantArray};

use crate::key::{
    Allowance, Digest, HashError, HashMemory, Key, Kind, Limit, Malformed, Permission, Secret,
    Status, Tail, WindowUse,
};
use crate::settings::Permissions;
use crate::vault::{Cause, DeadSecret, Error, FoundSecret, KeyId, Record, StoredSecret};

/// What is to be thought of a presented secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Verdict {
    /// It opens its key for what was asked.
    Accepted,
    /// It never was a secret.
    Malformed(Malformed),
    /// No key here has it.
    Unknown,
    /// It only ends like a key's secret, or opens something else than was asked.
    Mismatch,
    /// Its key is a decoy, which opens nothing.
    Decoy,
    /// Its key is stopped.
    Inactive,
    /// Its key's time is over.
    Expired,
    /// It was its key's secret until a rotation ended.
    Retired,
    /// It was its key's secret until that got another one.
    Replaced,
    /// It was its key's secret until it leaked.
    Revoked,
    /// Its key was deleted.
    Deleted,
    /// Its key may not do what was asked.
    PermissionMissing,
    /// Its key was used as often as it may be.
    OverLimit,
}

/// What a refused caller is told over HTTP: no more than it must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The refusal as a word for programs.
    pub code: &'static str,
    /// The refusal as a sentence.
    pub message: &'static str,
}

impl Refusal {
    /// For whoever has no good key.
    pub const UNAUTHORIZED: Self = Self {
        status: 401,
        code: "unauthorized",
        message: "Invalid API key provided",
    };
    /// For a good key that may not do this.
    pub const PERMISSION_DENIED: Self = Self {
        status: 403,
        code: "permission_denied",
        message: "API key does not have required permissions",
    };
    /// For a good key that did too much.
    pub const TOO_MANY_REQUESTS: Self = Self {
        status: 429,
        code: "too_many_requests",
        message: "Rate limit exceeded for API key",
    };
}

impl Verdict {
    /// What a refused caller is told; `None` if it is accepted.
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Accepted => None,
            Self::PermissionMissing => Some(Refusal::PERMISSION_DENIED),
            Self::OverLimit => Some(Refusal::TOO_MANY_REQUESTS),
            _ => Some(Refusal::UNAUTHORIZED),
        }
    }

    /// Whether the secret opens its key for what was asked.
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

/// What a caller wants to know besides whether the secret is good.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question<'a> {
    /// The kind of key that will do; a gateway takes API keys only.
    pub kind: Option<Kind>,
    /// The login that an SMTP key must be a password of, compared without case.
    pub username: Option<&'a str>,
    /// What the key is needed for.
    pub need: Need<'a>,
}

/// What a key is needed for.
#[derive(Clone, Copy, Debug, Default)]
pub enum Need<'a> {
    /// Nothing in particular.
    #[default]
    Nothing,
    /// Whatever a permission allows.
    Permission(&'a Permission),
    /// A request, its target as the client wrote it.
    Request {
        /// `GET`, `POST`
        method: &'a str,
        /// `/v3/contacts?limit=10`
        target: &'a str,
    },
}

/// Whose secret was presented.
#[derive(Debug)]
pub enum SecretMatch {
    /// Nobody's that is known; the verdict is reached.
    Nobody(Verdict),
    /// Nobody's either, but it ends like one of this key's.
    Lookalike(KeyId),
    /// Nobody's either, but it was presented for the login of this key's imported password.
    WrongPassword(KeyId),
    /// A key's, current or not.
    Secret(Box<StoredSecret>),
    /// A key's that has it no longer.
    Dead(Box<DeadSecret>),
}

impl SecretMatch {
    /// The key's secret, or the verdict on what is none.
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
    fn is_of(&self, login: &str) -> bool {
        let key = self.secret().ok().map(|secret| &secret.record.key);
        let username = key.and_then(Key::username);
        username.is_some_and(|username| username.is(login))
    }
}

/// Tells whose secret a presented text is: shape and checksum, then the tail, then the digest, so
/// that a tail alone reveals nothing.
///
/// `look_up` is only asked for what has the shape of a secret. Of a secret from before digests
/// the hash is checked, and `look_up` asked again after that: a key that was deactivated while it
/// was computed is refused.
///
/// # Errors
/// If the vault cannot be read, or its hash must not be checked.
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
        Some(FoundSecret::Active(known)) => known,
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
    let Some(FoundSecret::Active(again)) = look_up(&tail)? else {
        return Ok(SecretMatch::Nobody(Verdict::Unknown));
    };
    let learned = match again.verifier.digest() {
        // Another kept it meanwhile.
        Some(kept) if kept.is(&digest) => None,
        None if again.verifier == known.verifier => Some(Box::new(digest)),
        _ => return Ok(SecretMatch::Nobody(Verdict::Unknown)),
    };
    let secret = StoredSecret { learned, ..*again };
    Ok(SecretMatch::Secret(Box::new(secret)))
}

/// Tells whether what was presented for a login is its imported password, unless it was
/// recognised as a secret of that login: Dovecot asks in the same order. `look_up` finds a
/// login's imported password; as [`match_secret`] asks, it is asked again after the hash.
///
/// # Errors
/// If the vault cannot be read, or its hash must not be checked.
pub fn match_password(
    presented: &str,
    login: &str,
    matched: SecretMatch,
    mut look_up: impl FnMut(&str) -> Result<Option<StoredSecret>, Error>,
    memory: &mut HashMemory,
) -> Result<SecretMatch, Error> {
    if presented.is_empty() || matched.is_of(login) {
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

/// What a recognised secret must pass for its key to open what is asked, in the order in which
/// they are looked at: the first that it does not pass is the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum Condition {
    /// The key is no decoy.
    Decoy,
    /// It is its key's current secret, or the old one within its grace period.
    Current,
    /// The operator did not stop the key.
    Status,
    /// The key did not expire.
    Expiry,
    /// The key is of the kind and has the login that was asked for.
    Kind,
    /// The key may do what it is needed for.
    Permission,
    /// The key was not used as often as it may be.
    Limit,
}

impl Condition {
    /// Whether a secret passes, `at` that time and after its key's limited use so far.
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
            Self::Kind => question.is_of(key),
            Self::Permission => question.is_allowed(key, permissions),
            Self::Limit => {
                let allowance = allowance(&secret.record, used, at);
                allowance.is_none_or(|allowance| allowance.remaining() > 0)
            }
        }
    }

    /// The verdict on what does not pass.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Decoy => Verdict::Decoy,
            Self::Current => Verdict::Retired,
            Self::Status => Verdict::Inactive,
            Self::Expiry => Verdict::Expired,
            Self::Kind => Verdict::Mismatch,
            Self::Permission => Verdict::PermissionMissing,
            Self::Limit => Verdict::OverLimit,
        }
    }
}

/// Decides whether a recognised secret opens its key for what is asked, `at` that time and
/// after its limited use so far.
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

/// What is left of a key's limit, if it has one; a decoy has none.
pub fn allowance(record: &Record, used: WindowUse, at: Timestamp) -> Option<Allowance> {
    let limit = record.key.limit().filter(|_| !record.key.is_decoy);
    limit.unwrap_or(Limit::None).allowance(used, at)
}

impl Question<'_> {
    /// Whether the key is of the kind and login that were asked for.
    fn is_of(&self, key: &Key) -> bool {
        let is_login = |asked: &str| key.username().is_some_and(|username| username.is(asked));
        self.kind.is_none_or(|kind| key.kind() == kind) && self.username.is_none_or(is_login)
    }

    /// Whether the key may do what it is needed for; an SMTP key has no permissions.
    fn is_allowed(&self, key: &Key, permissions: &Permissions) -> bool {
        match (self.need, key.permission()) {
            (Need::Nothing, _) => true,
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
