//! The verdict on a presented secret.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::text;
use crate::key::{Allowance, Key, KeyName, Limit};
use crate::ui::listing::Item;
use crate::ui::{DisplayContext, Format};
use crate::vault::{DeadSecret, StoredSecret};
use crate::verify::Verdict;

/// A verdict and its details.
#[derive(Debug)]
pub struct VerdictDetails<'a> {
    /// The verdict.
    pub verdict: Verdict,
    /// The key to which the secret belongs; `None` if only a tail matches.
    pub key: Option<&'a Key>,
    /// Which of its secrets it is.
    pub which: Option<SecretRole>,
    /// What is left of the key's limit.
    pub allowance: Option<Allowance>,
    /// The login whose imported password did not match.
    pub login: Option<&'a str>,
    /// The dead secret, if no key has it any more.
    pub dead: Option<&'a DeadSecret>,
}

impl VerdictDetails<'_> {
    /// Whether it is or was the secret of a key of this vault.
    pub fn belongs_here(&self) -> bool {
        self.key.is_some() || self.dead.is_some()
    }
}

/// Which of a key's secrets was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretRole {
    /// The current one.
    Current,
    /// The old one during a rotation, until then.
    Old(Timestamp),
}

impl SecretRole {
    /// Which of its key's secrets it is.
    pub fn of(secret: &StoredSecret) -> Self {
        secret.retires_at.map_or(Self::Current, Self::Old)
    }

    fn word(self, now: Timestamp) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Old(end) if end > now => "retiring",
            Self::Old(_) => "retired",
        }
    }

    fn retires_at(self) -> Option<Timestamp> {
        match self {
            Self::Current => None,
            Self::Old(end) => Some(end),
        }
    }
}

/// The result of `verify`.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct VerdictView<'a> {
    pub(super) verdict: &'static str,
    pub(super) accepted: bool,
    /// The HTTP status for a gateway.
    http_status: u16,
    code: Option<&'static str>,
    pub(super) reason: Cow<'a, str>,
    /// The reason for people, in their time zone.
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    pub(super) text: Cow<'a, str>,
    name: Option<&'a str>,
    kind: Option<&'static str>,
    /// Which of the key's secrets it is, and when it retires.
    pub(super) secret_status: Option<&'static str>,
    #[serde(serialize_with = "text")]
    pub(super) retires_at: Option<Timestamp>,
    #[serde(serialize_with = "text")]
    limit: Option<Limit>,
    remaining: Option<u32>,
    #[serde(serialize_with = "text")]
    resets_at: Option<Timestamp>,
}

impl<'a> VerdictView<'a> {
    /// Describes the verdict with its exact reason.
    pub fn new(decision: &VerdictDetails<'a>, display: &DisplayContext) -> Self {
        let VerdictDetails {
            verdict,
            key,
            which,
            allowance,
            dead,
            ..
        } = decision;
        let refusal = verdict.refusal();
        Self {
            verdict: verdict.into_str(),
            accepted: verdict.is_accepted(),
            http_status: refusal.map_or(200, |refusal| refusal.status),
            code: refusal.map(|refusal| refusal.code),
            reason: reason(decision, display.now, |end| end.to_string()),
            text: reason(decision, display.now, |end| {
                display.moment_and_distance(end)
            }),
            name: key
                .map(|key| &key.name)
                .or(dead.map(|dead| &dead.name))
                .map(KeyName::as_str),
            kind: key
                .map(Key::kind)
                .or(dead.map(|dead| dead.kind))
                .map(<&str>::from),
            secret_status: which.map(|which| which.word(display.now)),
            retires_at: which.and_then(SecretRole::retires_at),
            limit: key
                .map(Key::request_limit)
                .filter(|limit| *limit != Limit::None),
            remaining: allowance.map(Allowance::remaining),
            resets_at: allowance.and_then(Allowance::reset),
        }
    }

    /// The reason for readers of the format: programs get times in UTC.
    pub fn reason(&self, format: Format) -> &str {
        match format.is_for_machines() {
            true => &self.reason,
            false => &self.text,
        }
    }

    /// One line for people, starting with the verdict.
    pub fn line(&self) -> String {
        format!("{}: {}", self.verdict, self.text)
    }
}

fn reason<'a>(
    decision: &VerdictDetails<'a>,
    now: Timestamp,
    moment: impl Fn(Timestamp) -> String,
) -> Cow<'a, str> {
    if let Some(DeadSecret {
        name,
        cause,
        died_at,
        ..
    }) = decision.dead
    {
        let (cause, at) = (cause.into_str(), moment(*died_at));
        return Cow::Owned(format!("it was the secret of `{name}`, {cause} {at}"));
    }
    let Some(key) = decision.key else {
        return without_key(decision);
    };
    let (name, title) = (&key.name, key.kind().title());
    Cow::Owned(match decision.verdict {
        Verdict::Accepted => match (decision.which, key.retiring_at(now)) {
            (Some(SecretRole::Old(end)), _) => {
                let end = moment(end);
                format!("the {title} key `{name}` is valid; this is its old secret, until {end}")
            }
            (_, Some(_)) => format!("the {title} key `{name}` is valid; this is its new secret"),
            _ => format!("the {title} key `{name}` is valid"),
        },
        Verdict::Decoy => format!("`{name}` is a decoy, and is never valid"),
        Verdict::Inactive => format!("`{name}` is deactivated"),
        Verdict::Expired => {
            let end = key.expires_at.map(moment).unwrap_or_default();
            format!("`{name}` expired {end}")
        }
        Verdict::Retired => {
            let end = decision.which.and_then(SecretRole::retires_at).map(moment);
            let end = end.map(|end| format!(" {end}")).unwrap_or_default();
            format!("it retired{end}; `{name}` has a newer secret")
        }
        Verdict::Network => format!("`{name}` can only be used from {}", key.networks),
        Verdict::Sender => format!("`{name}` cannot send mail from that address"),
        Verdict::PermissionMissing => match key.permission() {
            Some(own) => format!("the permission {own} of `{name}` does not allow this"),
            None => format!("`{name}` is an SMTP key, which has no permissions"),
        },
        Verdict::OverLimit => {
            let limit = key.limit();
            let reset = decision.allowance.and_then(Allowance::reset).map(moment);
            let reset = reset.unwrap_or_default();
            format!("`{name}` has used up its limit of {limit}; resets {reset}")
        }
        Verdict::Mismatch => {
            let login = key.username().map(|username| format!(" for {username}"));
            let login = login.unwrap_or_default();
            format!("`{name}` is an {title} key{login}, not what was asked for")
        }
        Verdict::Malformed(_)
        | Verdict::Unknown
        | Verdict::Replaced
        | Verdict::Revoked
        | Verdict::Deleted => return without_key(decision),
    })
}

/// The reason if the secret's owner is unknown or not disclosed.
fn without_key(decision: &VerdictDetails<'_>) -> Cow<'static, str> {
    match decision.verdict {
        Verdict::Malformed(why) => Cow::Owned(format!(
            "{why}; give the secret exactly as it was shown, or an imported password with \
             --username"
        )),
        Verdict::Unknown => Cow::Borrowed("no key in this vault has this secret"),
        _ => match decision.login {
            Some(login) => Cow::Owned(format!(
                "it does not match the imported password of \
                                               {login}"
            )),
            None => Cow::Borrowed("it does not match the key with this tail"),
        },
    }
}

impl Item for VerdictView<'_> {}
