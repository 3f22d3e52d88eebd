//! The recorded use of a key.

use jiff::Timestamp;

use super::{Address, MailDay, MailTotal, RefusalAddresses, day_of, mail};
use crate::key::{Tail, WindowUse};

/// The recorded use of a key.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// The days on which it was accepted, the newest last.
    pub days: Vec<Day>,
    /// The refusals by reason, the latest first.
    pub refused: Vec<Refused>,
    /// The addresses from which it was used, the latest first.
    pub addresses: Vec<Address>,
    /// The use of its secrets, the latest first.
    pub secrets: Vec<SecretUse>,
    /// The days on which its mail was accepted, the newest last.
    pub mail: Vec<MailDay>,
    /// The use of its limit in the last recorded window.
    pub window: WindowUse,
}

/// The accepted requests of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// In days since 1970, UTC.
    pub day: i64,
    /// The number of requests.
    pub count: u32,
    /// The time of the last.
    pub last_at: Timestamp,
}

/// The refusals of a key for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The verdict's word.
    pub verdict: String,
    /// The number of refusals.
    pub count: u32,
    /// The time of the last.
    pub last_at: Timestamp,
    /// The addresses, as far as they are recorded.
    pub addresses: RefusalAddresses,
}

/// The use of one of a key's secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse {
    /// Its last 16 characters.
    pub tail: String,
    /// When it was first accepted.
    pub first_at: Timestamp,
    /// When it was last accepted.
    pub last_at: Timestamp,
}

/// How far clients have switched from an old secret to a new one, according to the recorded use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretTransition<'a> {
    /// The new one has not been used.
    NotStarted,
    /// The old one was used after the first use of the new one.
    Partial(&'a SecretUse),
    /// The old one was not used after that.
    Complete,
}

impl<'a> SecretTransition<'a> {
    /// How far clients have switched to the new secret.
    pub fn of(new: Option<&SecretUse>, old: Option<&'a SecretUse>) -> Self {
        let Some(new) = new else {
            return Self::NotStarted;
        };
        let is_later = |old: &&SecretUse| old.last_at > new.first_at;
        old.filter(is_later).map_or(Self::Complete, Self::Partial)
    }
}

impl SecretUse {
    /// Its tail, unless it is only a placeholder.
    pub fn known_tail(&self) -> Option<&str> {
        let tail = self.tail.parse::<Tail>();
        let is_imported = tail.is_ok_and(|tail| tail.is_imported());
        (!is_imported).then_some(&self.tail)
    }
}

impl Refused {
    /// The address of the last refusal, if recorded.
    pub fn last_address(&self) -> Option<&str> {
        let last = self.addresses.newest.first()?;
        (last.last_at >= self.last_at).then_some(&last.address)
    }
}

impl Details {
    /// The use of one of the key's secrets.
    pub fn of_secret(&self, tail: &Tail) -> Option<&SecretUse> {
        self.secrets.iter().find(|used| used.tail == tail.as_str())
    }

    /// How far clients have switched from an old secret to a new one.
    pub fn transition(&self, new: &Tail, old: &Tail) -> SecretTransition<'_> {
        SecretTransition::of(self.of_secret(new), self.of_secret(old))
    }

    /// The address of a use at a given time: only known for the last use, and if it was the only
    /// one at that time.
    pub fn address_at(&self, moment: Timestamp) -> Option<&str> {
        let then = self.secrets.iter().filter(|used| used.last_at == moment);
        let is_only = then.count() == 1 && self.last_request_at() == Some(moment);
        self.last_address().filter(|_| is_only)
    }

    /// The addresses from which the key was used at or after a time, the latest first.
    pub fn addresses_since(&self, time: Timestamp) -> impl Iterator<Item = &str> {
        let recent = self
            .addresses
            .iter()
            .filter(move |used| used.last_at >= time);
        recent.map(|used| used.address.as_str())
    }

    /// Whether addresses are recorded.
    pub fn has_addresses(&self) -> bool {
        let is_refused_from = |refused: &Refused| refused.addresses.count > 0;
        !self.addresses.is_empty() || self.refused.iter().any(is_refused_from)
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.refused.is_empty() && self.mail.is_empty()
    }

    /// Whether the key was accepted or refused at or after a time.
    pub fn is_since(&self, time: Timestamp) -> bool {
        let refused_at = self.refused.first().map(|refused| refused.last_at);
        self.last_used_at().max(refused_at) >= Some(time)
    }

    /// When the key or its mail was last accepted: mail follows long after the login in a session
    /// that stays open.
    pub fn last_used_at(&self) -> Option<Timestamp> {
        self.last_request_at().max(self.last_mail_at())
    }

    /// When the key was last accepted.
    pub fn last_request_at(&self) -> Option<Timestamp> {
        self.days.last().map(|day| day.last_at)
    }

    /// When its mail was last accepted.
    pub fn last_mail_at(&self) -> Option<Timestamp> {
        self.mail.last().map(|day| day.last_at)
    }

    /// The address of its last accepted request, if recorded.
    pub fn last_address(&self) -> Option<&str> {
        let last = self.addresses.first()?;
        (Some(last.last_at) >= self.last_request_at()).then_some(&last.address)
    }

    /// The address of its last use, if recorded; that of a mail is not.
    pub fn address_of_last_use(&self) -> Option<&str> {
        let is_request = self.last_request_at() >= self.last_mail_at();
        self.last_address().filter(|_| is_request)
    }

    /// The accepted requests on each of this many days, ending with that of `now`.
    pub fn by_day(&self, days: usize, now: Timestamp) -> Vec<u32> {
        let mut counts = vec![0; days];
        for day in &self.days {
            let ago = usize::try_from(day_of(now).saturating_sub(day.day)).ok();
            if let Some(at) = ago.and_then(|ago| days.checked_sub(ago.saturating_add(1))) {
                counts[at] = day.count;
            }
        }
        counts
    }

    /// The accepted requests within this many days, ending with that of `now`.
    pub fn requests(&self, days: usize, now: Timestamp) -> u64 {
        self.by_day(days, now).into_iter().map(u64::from).sum()
    }

    /// The mails accepted within this many days, ending with that of `now`.
    pub fn mail_total(&self, days: usize, now: Timestamp) -> MailTotal {
        mail::total(&self.mail, days, now)
    }

    /// The number of refusals for any reason.
    pub fn refusals(&self) -> u64 {
        let counts = self.refused.iter().map(|refused| u64::from(refused.count));
        counts.sum()
    }
}
