//! The use of a key that is not recorded yet.

use std::net::IpAddr;
use std::sync::Mutex;

use jiff::Timestamp;
use smallvec::SmallVec;

use crate::key::{Allowance, Tail, WindowSpend, WindowUse};
use crate::settings::{Permissions, RequestMatch};
use crate::usage::{MailEvent, RequestEvent, RequestKind, UsageEvent};
use crate::vault::KeyId;
use crate::verify::Verdict;

/// How many different kinds of use of a key are kept until they are recorded; beyond that,
/// addresses are lost, and beyond twice as many also which secret was refused.
const MAX_DISTINCT: usize = 16;

/// The same for kinds of requests; beyond that, the kind is unknown.
const MAX_REQUEST_KINDS: usize = 64;

/// The use of a key, or of no known key.
#[derive(Debug, Default)]
pub(super) struct KeyUsage {
    pub(super) key: Option<KeyId>,
    pub(super) counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) used: WindowUse,
    pub(super) unrecorded: WindowSpend,
    /// Recipients that were recorded but turned out not to get the mail: so many of the next ones
    /// are not recorded.
    pub(super) credit: u32,
    /// By secret, of which few are valid at a time.
    pub(super) mail: Vec<MailCount>,
    /// What accepted requests needed, if known; only a pointer, since every key has one.
    pub(super) requests: Option<Box<RequestCounts>>,
    /// Usually only one, which is stored inline.
    pub(super) seen: SmallVec<[UseCount; 1]>,
    pub(super) is_dirty: bool,
}

/// Uses that are recorded as one [`UsageEvent`] of a key; smaller, since every key may have one.
#[derive(Debug)]
pub(super) struct UseCount {
    tail: Option<Tail>,
    verdict: &'static str,
    count: u32,
    at: Timestamp,
    address: Option<IpAddr>,
}

/// Those of a key; usually only one, which is stored inline.
type RequestCounts = SmallVec<[RequestCount; 1]>;

/// Accepted requests of one kind that have not been recorded.
#[derive(Clone, Debug)]
pub(super) struct RequestCount {
    kind: RequestKind,
    count: u32,
    at: Timestamp,
    address: Option<IpAddr>,
}

impl RequestCount {
    pub(super) fn of(&self, key: KeyId) -> RequestEvent {
        RequestEvent {
            key,
            kind: self.kind.clone(),
            count: self.count,
            at: self.at,
            address: self.address,
        }
    }
}

/// What will be recorded of a key.
pub(super) struct UnrecordedUse {
    pub(super) seen: SmallVec<[UseCount; 1]>,
    pub(super) spent: WindowSpend,
    pub(super) mail: Vec<MailCount>,
    pub(super) requests: RequestCounts,
}

/// Mails and recipients that have not been recorded.
#[derive(Clone, Debug)]
pub(super) struct MailCount {
    pub(super) tail: Option<Tail>,
    pub(super) mails: u32,
    pub(super) recipients: u32,
    pub(super) at: Timestamp,
}

impl MailCount {
    pub(super) fn of(&self, key: KeyId) -> MailEvent {
        MailEvent {
            key,
            tail: self.tail.clone(),
            mails: self.mails,
            recipients: self.recipients,
            at: self.at,
        }
    }
}

/// What an accepted request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A login or an API request.
    Request,
    /// A question of Postfix before a mail is complete: nothing but a limit is used.
    Asked,
    /// A mail to so many recipients. Others, which used the limit, do not get it.
    Mail { recipients: u32, unused: u32 },
}

/// How a secret was presented.
#[derive(Clone, Copy, Debug)]
pub(super) struct PresentedUse<'a> {
    pub(super) tail: Option<&'a Tail>,
    pub(super) address: Option<IpAddr>,
    pub(super) at: Timestamp,
    /// What an API key is used for; `None` for other keys.
    pub(super) request: Option<PresentedRequest<'a>>,
}

/// What an API key is used for, to be matched with the permissions.
#[derive(Clone, Copy, Debug)]
pub(super) struct PresentedRequest<'a> {
    pub(super) permissions: &'a Permissions,
    /// Its method and target, if known.
    pub(super) request: Option<(&'a str, &'a str)>,
}

impl UseCount {
    pub(super) fn of(&self, key: Option<KeyId>) -> UsageEvent {
        UsageEvent {
            key,
            tail: self.tail.clone(),
            verdict: self.verdict,
            count: self.count,
            at: self.at,
            address: self.address,
        }
    }
}

impl Counts {
    /// Restores uses that could not be recorded, if there is room for them.
    pub(super) fn put_back(&mut self, seen: UseCount) {
        self.is_dirty = true;
        if self.seen.len() < MAX_DISTINCT {
            self.seen.push(seen);
        }
    }

    /// The same for requests.
    pub(super) fn put_back_requests(&mut self, requests: RequestCount) {
        self.is_dirty = true;
        let all = self.requests.get_or_insert_default();
        match all.iter_mut().find(|other| other.kind == requests.kind) {
            Some(other) => other.count = other.count.saturating_add(requests.count),
            None => all.push(requests),
        }
    }

    /// Restores the use of a limit that could not be recorded, if its window has not ended.
    pub(super) fn refund(&mut self, spent: WindowSpend) {
        let unrecorded = &mut self.unrecorded.used;
        if unrecorded.count == 0 {
            self.unrecorded = spent;
        } else if unrecorded.since == spent.used.since {
            unrecorded.count = unrecorded.count.saturating_add(spent.used.count);
        }
    }

    /// Counts mails with others of the same secret.
    pub(super) fn note_mail(&mut self, mail: MailCount) {
        let mut others = self.mail.iter_mut();
        match others.find(|other| other.tail == mail.tail) {
            Some(other) => {
                other.mails = other.mails.saturating_add(mail.mails);
                other.recipients = other.recipients.saturating_add(mail.recipients);
                other.at = other.at.max(mail.at);
            }
            None => self.mail.push(mail),
        }
    }

    /// Takes back the use of a limit, of which a part may be recorded already.
    pub(super) fn give_back(&mut self, unused: u32) {
        self.used.count = self.used.count.saturating_sub(unused);
        let unrecorded = &mut self.unrecorded.used.count;
        let taken = unused.min(*unrecorded);
        *unrecorded -= taken;
        self.credit = self.credit.saturating_add(unused - taken);
    }

    pub(super) fn spend(&mut self, allowance: Option<Allowance>) {
        let Some(allowance) = allowance else {
            return;
        };
        let used = allowance.used;
        if self.used.since != used.since {
            self.credit = 0;
        }
        self.used = used;
        if self.unrecorded.used.since != used.since {
            self.unrecorded = allowance.with_count(0);
        }
        match self.credit {
            0 => self.unrecorded.used.count += 1,
            _ => self.credit -= 1,
        }
    }

    /// Counts a use with others of the same kind.
    pub(super) fn note(&mut self, verdict: Verdict, presented: PresentedUse<'_>) {
        let PresentedUse {
            tail, address, at, ..
        } = presented;
        if let Some(request) = presented.request.filter(|_| verdict.is_accepted()) {
            let matched = request
                .request
                .and_then(|(method, target)| request.permissions.matching(method, target));
            self.note_request(matched.as_ref(), address, at);
        }
        if self.is_noted(verdict, tail, address, at) {
            return;
        }
        let kinds = self.seen.len();
        let address = address.filter(|_| kinds < MAX_DISTINCT);
        let tail = tail.filter(|_| kinds < 2 * MAX_DISTINCT || verdict.is_accepted());
        if kinds >= MAX_DISTINCT && self.is_noted(verdict, tail, address, at) {
            return;
        }
        self.seen.push(UseCount {
            tail: tail.cloned(),
            verdict: verdict.into_str(),
            count: 1,
            at,
            address,
        });
    }

    /// Counts a request with others of the same kind, or of an unknown one if there is no room.
    fn note_request(
        &mut self,
        request: Option<&RequestMatch<'_>>,
        address: Option<IpAddr>,
        at: Timestamp,
    ) {
        let is_same = |kind: &RequestKind| match request {
            Some(request) => kind.is_of(request),
            None => kind.is_unknown(),
        };
        let all = self.requests.get_or_insert_default();
        let has_room = all.len() < MAX_REQUEST_KINDS;
        match all.iter_mut().find(|other| is_same(&other.kind)) {
            Some(other) => {
                other.count = other.count.saturating_add(1);
                (other.at, other.address) = (at, address);
            }
            None if has_room || request.is_none() => all.push(RequestCount {
                kind: request.map(RequestKind::of).unwrap_or_default(),
                count: 1,
                at,
                address,
            }),
            None => self.note_request(None, address, at),
        }
    }

    /// Increments the count of an existing kind.
    fn is_noted(
        &mut self,
        verdict: Verdict,
        tail: Option<&Tail>,
        address: Option<IpAddr>,
        at: Timestamp,
    ) -> bool {
        let verdict = verdict.into_str();
        let mut like = self.seen.iter_mut().filter(|seen| {
            seen.verdict == verdict && seen.tail.as_ref() == tail && seen.address == address
        });
        let Some(seen) = like.next() else {
            return false;
        };
        seen.count = seen.count.saturating_add(1);
        seen.at = at;
        true
    }

    /// Takes what will be recorded.
    pub(super) fn take(&mut self) -> UnrecordedUse {
        self.is_dirty = false;
        UnrecordedUse {
            seen: std::mem::take(&mut self.seen),
            spent: std::mem::take(&mut self.unrecorded),
            mail: std::mem::take(&mut self.mail),
            requests: self.requests.take().map(|all| *all).unwrap_or_default(),
        }
    }

    /// Adds what other processes used of the limit in the same window.
    pub(super) fn raise(&mut self, all: WindowUse) {
        if self.used.since == all.since {
            let unrecorded = if self.unrecorded.used.since == all.since {
                self.unrecorded.used.count
            } else {
                0
            };
            let all = all.count.saturating_sub(self.credit);
            self.used.count = self.used.count.max(all.saturating_add(unrecorded));
        }
    }
}
