//! Decides what needs attention about a key, so that all commands agree.

mod automatic;
mod excess;
mod finding;
mod held;
mod required;
mod rules;
#[cfg(test)]
mod tests;
mod trial;
mod unusual;

use jiff::{SignedDuration, Timestamp};

use crate::key::{Key, Period, Status, Tail, Term};
use crate::usage::{Recent, RefusalSummary, SecretTransition, SecretUse};
use crate::vault::{AutomaticRotation, SecretInfo};
use automatic::unfinished;
pub use excess::excess_permission;
pub use finding::{CountedUse, EXTENSION, Finding, Necessity, Reminder};
pub use held::{HeldSecret, other_login};
pub use rules::{CheckRule, RuleOverrides, RuleSource, Rules};
pub use trial::PermissionTrial;

/// What is known of a key.
#[derive(Debug)]
pub struct KeyFacts<'a> {
    /// The key.
    pub key: &'a Key,
    /// Its secrets, the current one first.
    pub secrets: &'a [SecretInfo],
    /// Its automatic rotation, if it has one.
    pub rotation: Option<&'a AutomaticRotation>,
    /// Its use; `None` if none is recorded in the vault.
    pub used: Option<RecordedUse>,
}

/// The recorded use of a key.
#[derive(Clone, Debug)]
pub struct RecordedUse {
    /// When recording began in this vault.
    pub since: Timestamp,
    /// When it was last accepted; `None` if never.
    pub last_used_at: Option<Timestamp>,
    /// Its use on recent days.
    pub recent: Recent,
    /// The use of each secret; empty unless it has two.
    pub secrets: Vec<SecretUse>,
    /// The refusals of its dead secrets in the last [`DEAD_USE_REPORTED`].
    pub dead: RefusalSummary,
    /// The refusals of its own secret, if it is a decoy.
    pub decoy: RefusalSummary,
}

/// How long the use of a dead secret, or of a decoy, is reported.
pub const DEAD_USE_REPORTED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The finding that dead secrets of a key are being presented, if they are.
pub fn dead_secret_used(tried: &RefusalSummary, is_deleted: bool) -> Option<Finding> {
    Some(Finding::DeadSecretUsed {
        count: tried.count,
        last_at: tried.last_at?,
        from: tried.last_address.clone(),
        is_deleted,
    })
}

/// The finding that the secret of a decoy is being presented, if it is.
fn decoy_used(tried: &RefusalSummary) -> Option<Finding> {
    Some(Finding::DecoyUsed {
        count: tried.count,
        last_at: tried.last_at?,
        from: tried.last_address.clone(),
    })
}

impl KeyFacts<'_> {
    /// The findings about the key at `now`.
    ///
    /// An inactive key only has the finding that it expired, and an expired one no other, since
    /// neither can be used; both can have the finding that a dead secret is used. A decoy only has
    /// the finding that it is used.
    pub fn findings(&self, rules: &Rules, now: Timestamp) -> Vec<Finding> {
        let used = self.used.as_ref();
        let dead = used.and_then(|used| dead_secret_used(&used.dead, false));
        if self.key.is_decoy {
            let decoy = used.and_then(|used| decoy_used(&used.decoy));
            return decoy.into_iter().chain(dead).collect();
        }
        let living = self.findings_of_active(rules, now);
        dead.into_iter().chain(living).collect()
    }

    fn findings_of_active(&self, rules: &Rules, now: Timestamp) -> Vec<Finding> {
        if self.key.has_expired(now) {
            let at = self.key.expires_at.or(self.key.expired_at);
            let need = self.need(rules.unused.term, now);
            let finding = at.map(|at| Finding::Expired { at, need });
            return finding.into_iter().collect();
        }
        if self.key.status == Status::Inactive {
            return Vec::new();
        }
        let used = self.used.as_ref();
        let unusual_day =
            |counted| used.and_then(|used| unusual::unusual_day(&used.recent, counted, now));
        let findings = [
            unusual_day(CountedUse::Requests),
            unusual_day(CountedUse::Recipients),
            used.and_then(|used| unusual::new_network(&used.recent, now)),
            match self.rotation {
                Some(rotation) => unfinished(rotation, rules, now),
                None => self.open_rotation(now),
            },
            self.expiring(rules.expiring, now),
            self.rotation_due(rules.rotate_every.term, now),
            used.and_then(|used| self.unused(used, rules.unused.term, now)),
        ];
        let missing = required::missing(self.key, rules);
        findings.into_iter().chain(missing).flatten().collect()
    }

    /// Whether an expired key is still needed. One that was also deactivated may be, but its use
    /// does not tell.
    fn need(&self, unused: Term, now: Timestamp) -> Necessity {
        if self.key.has_expired_early(now) {
            return Necessity::Early;
        }
        let Some(used) = self
            .used
            .as_ref()
            .filter(|_| self.key.status == Status::Active)
        else {
            return Necessity::Unknown;
        };
        match self.unused(used, unused, now) {
            Some(_) => Necessity::Unused,
            None if used.last_used_at.is_some() => Necessity::Used,
            None => Necessity::Unknown,
        }
    }

    /// What a calendar reminds of: the next rotation and the expiry of an active key, even if
    /// overdue; nothing for a decoy.
    pub fn reminders(&self, rules: &Rules, now: Timestamp) -> Vec<Reminder> {
        let is_stopped = self.key.status == Status::Inactive || self.key.has_expired(now);
        if is_stopped || self.key.is_decoy {
            return Vec::new();
        }
        let rotation = self.rotation(rules.rotate_every.term);
        let rotation = rotation.map(|(made_at, due_at)| Reminder::Rotation { made_at, due_at });
        let end = self.key.expires_at.map(|at| Reminder::Expiry { at });
        rotation.into_iter().chain(end).collect()
    }

    /// When the current secret was created, and when its rotation is due, unless the key expires
    /// first. A decoy is never due.
    pub fn rotation(&self, every: Term) -> Option<(Timestamp, Timestamp)> {
        let made_at = self.secrets.first()?.created_at;
        let due_at = every.due(made_at)?;
        let is_before_end = self.key.expires_at.is_none_or(|end| due_at <= end);
        (is_before_end && !self.key.is_decoy).then_some((made_at, due_at))
    }

    fn rotation_due(&self, every: Term, now: Timestamp) -> Option<Finding> {
        let (made_at, due_at) = self.rotation(every)?;
        (due_at <= now).then(|| Finding::RotationDue {
            made_at,
            due_at,
            is_rotating: self.key.retiring_at(now).is_some(),
        })
    }

    fn expiring(&self, within: Term, now: Timestamp) -> Option<Finding> {
        let at = self.key.expires_at?;
        let is_soon = match within {
            Term::Never => false,
            term => term.due(now).is_none_or(|until| at <= until),
        };
        let extended = EXTENSION.parse::<Period>().ok();
        let extended = extended.and_then(|period| period.after(now).ok());
        is_soon.then(|| Finding::Expiring {
            at,
            is_extended: extended.is_some_and(|extended| extended > at),
        })
    }

    /// The finding that the key is unused. A key that was never used counts from when it was
    /// created or recording began, whichever is later.
    fn unused(&self, used: &RecordedUse, after: Term, now: Timestamp) -> Option<Finding> {
        let made_at = self.key.created_at;
        let start = used.last_used_at.unwrap_or(made_at.max(used.since));
        let due_at = after.due(start).filter(|&due_at| due_at <= now)?;
        Some(match used.last_used_at {
            Some(last_used_at) => Finding::Unused {
                last_used_at,
                due_at,
            },
            None => Finding::NeverUsed { made_at, due_at },
        })
    }

    /// The finding about a rotation whose old secret is still valid.
    fn open_rotation(&self, now: Timestamp) -> Option<Finding> {
        let old = self.key.retiring_at(now)?;
        let (made_at, retires_at) = (self.secrets.first()?.created_at, old.until);
        let Some(used) = &self.used else {
            return Some(Finding::RotationOpen {
                made_at,
                retires_at,
            });
        };
        let use_of = |tail: &Tail| {
            let mut all = used.secrets.iter();
            all.find(|used| used.tail == tail.as_str())
        };
        let (new_use, old_use) = (use_of(&self.key.tail), use_of(&old.tail));
        let still_used = |used_at| Finding::OldSecretUsed {
            made_at,
            retires_at,
            used_at,
        };
        Some(match (SecretTransition::of(new_use, old_use), new_use) {
            (SecretTransition::Partial(old), _) => still_used(old.last_at),
            (SecretTransition::Complete, Some(new)) => Finding::RotationUnfinished {
                made_at,
                retires_at,
                used_at: new.first_at,
            },
            (SecretTransition::NotStarted | SecretTransition::Complete, _) => {
                let used_at = old_use.map(|old| old.last_at);
                let used_since = used_at.filter(|&used_at| used_at >= made_at);
                used_since.map_or(
                    Finding::NewSecretUnused {
                        made_at,
                        retires_at,
                    },
                    still_used,
                )
            }
        })
    }
}
