//! The next step of a rotation.

use jiff::{SignedDuration, Timestamp};
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::{HoldReason, RotationObstacle};

/// How far a rotation has got, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum RotationProgress {
    /// The new secret is pending, and may be in the destination.
    Begun,
    /// Both secrets are valid; the destination has the new one.
    Delivered,
    /// Both are valid; the destination gets the old one again.
    Restoring,
    /// Both are valid; the destination has the old one again.
    Restored,
    /// The new one was removed.
    Aborted,
}

/// Whether a key's secrets can be used at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUsability {
    Usable,
    Inactive,
    Expired,
}

/// The recorded use of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenUse {
    /// The first.
    pub first_at: Timestamp,
    /// The last.
    pub last_at: Timestamp,
}

/// The recorded use of both secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenSecrets {
    /// When recording began in this vault.
    pub since: Timestamp,
    /// The new secret's.
    pub new: Option<SeenUse>,
    /// The old secret's.
    pub old: Option<SeenUse>,
}

/// What is known of a key and its rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationFacts {
    /// How far its rotation has got, and when it got there.
    pub progress: Option<(RotationProgress, Timestamp)>,
    /// Whether the command to run after that has run, or there is none.
    pub is_after_done: bool,
    /// When it ran, if it did.
    pub after_at: Option<Timestamp>,
    /// Whether the old secret can be delivered again.
    pub is_restorable: bool,
    /// Whether the old secret is still valid.
    pub has_old: bool,
    /// Whether the key can be used.
    pub usability: KeyUsability,
    /// Whether its secret is too old.
    pub is_due: bool,
    /// When its old secret retires, if a person has begun a rotation.
    pub by_hand_until: Option<Timestamp>,
    /// Why no rotation of it can begin.
    pub obstacle: Option<RotationObstacle>,
    /// How long after the delivery the rotation is decided.
    pub grace: SignedDuration,
    /// For how long the old secret must be unused before it is retired.
    pub settle: SignedDuration,
    /// The recorded use; `None` if none is recorded, or it cannot be read.
    pub seen: Option<SeenSecrets>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum RotationStep {
    /// Nothing: the secret is not too old.
    Nothing,
    /// It is too old, but cannot be rotated.
    NotPossible(RotationObstacle),
    /// Nothing: a person has begun a rotation, which ends by the clock.
    LeaveToPerson { until: Timestamp },
    /// Create a new secret, deliver it, and activate it beside the old one.
    Begin,
    /// Find out whether the new secret was delivered before the run that created it ended, and
    /// activate it or drop it.
    Resume,
    /// Run the command that makes the application read what the destination has.
    RunAfter,
    /// Wait; nothing happens before `until`.
    Wait { until: Timestamp },
    /// Retire the old secret.
    Finish,
    /// Deliver the old secret again.
    Restore,
    /// Remove the new secret.
    Remove,
    /// Leave both secrets valid, and tell a person; `until` is when the rotation is tried again, if
    /// that does not depend on something else.
    Hold {
        reason: HoldReason,
        until: Option<Timestamp>,
    },
}

impl RotationStep {
    /// Whether there is nothing to do now.
    pub fn is_idle(self) -> bool {
        matches!(
            self,
            Self::Nothing
                | Self::NotPossible(_)
                | Self::LeaveToPerson { .. }
                | Self::Wait { .. }
                | Self::Hold { .. }
        )
    }
}

impl RotationFacts {
    /// The next step at `now`.
    pub fn next_step(&self, now: Timestamp) -> RotationStep {
        match self.progress {
            None => self.begin_if_due(),
            Some((RotationProgress::Begun, _)) => RotationStep::Resume,
            Some((RotationProgress::Delivered, at)) => self.after_delivery(at, now),
            Some((RotationProgress::Restoring, _)) => self.restore_if_valid(),
            Some((RotationProgress::Restored, at)) => self.after_restoring(at, now),
            Some((RotationProgress::Aborted, at)) => self.after_abort(at, now),
        }
    }

    fn begin_if_due(&self) -> RotationStep {
        match (self.by_hand_until, self.is_due, self.obstacle) {
            (Some(until), ..) => RotationStep::LeaveToPerson { until },
            (None, false, _) => RotationStep::Nothing,
            (None, true, Some(obstacle)) => RotationStep::NotPossible(obstacle),
            (None, true, None) => RotationStep::Begin,
        }
    }

    fn after_delivery(&self, at: Timestamp, now: Timestamp) -> RotationStep {
        if let Some(reason) = self.unusable() {
            return hold(reason);
        }
        let (is_decided, seen) = (now >= later(at, self.grace), self.seen_since(at));
        // A key that was not used since may be used seldom, or where that is not recorded.
        let is_unseen = seen.is_some_and(|seen| {
            let is_old_used = seen.old.is_some_and(|old| old.last_at >= at);
            seen.new.is_none() && is_old_used
        });
        match (self.is_after_done, is_decided) {
            (false, true) if is_unseen => return self.give_up(),
            (false, _) => return RotationStep::RunAfter,
            (true, _) => {}
        }
        let complete_at = seen.and_then(|seen| self.complete_at(&seen, at));
        match complete_at {
            Some(complete_at) if complete_at <= now => return RotationStep::Finish,
            Some(until) if is_decided && !self.lags(seen, now) => {
                return RotationStep::Wait { until };
            }
            _ => {}
        }
        match seen {
            _ if !is_decided => {
                let until = later(at, self.grace);
                let until = complete_at.map_or(until, |complete_at| complete_at.min(until));
                RotationStep::Wait { until }
            }
            Some(_) if is_unseen => self.give_up(),
            Some(seen) if seen.new.is_some() => hold(HoldReason::OldSecretUsed),
            Some(_) | None => hold(HoldReason::UsageUnknown),
        }
    }

    /// The recorded use, if everything since the delivery was recorded.
    fn seen_since(&self, delivered_at: Timestamp) -> Option<SeenSecrets> {
        self.seen.filter(|seen| seen.since <= delivered_at)
    }

    /// When the old secret can be retired if nothing else uses it; `None` while the new one is
    /// unused. Its first use is what shows that use is recorded.
    fn complete_at(&self, seen: &SeenSecrets, delivered_at: Timestamp) -> Option<Timestamp> {
        let start = seen.new?.first_at.max(delivered_at);
        let start = seen.old.map_or(start, |old| old.last_at.max(start));
        Some(later(start, self.settle))
    }

    /// Whether something still uses the old secret.
    fn lags(&self, seen: Option<SeenSecrets>, now: Timestamp) -> bool {
        let old = seen.and_then(|seen| seen.old);
        old.is_some_and(|old| later(old.last_at, self.settle) > now)
    }

    /// The new secret was never used.
    fn give_up(&self) -> RotationStep {
        match self.is_restorable {
            true => RotationStep::Restore,
            false => hold(HoldReason::CannotRestore),
        }
    }

    /// Nothing else is possible once that was begun: the destination may have either secret.
    fn restore_if_valid(&self) -> RotationStep {
        match self.has_old {
            true => RotationStep::Restore,
            false => hold(HoldReason::OldSecretRetired),
        }
    }

    /// The new secret may have come into use in the last moment, and an application that has read it
    /// needs time to read the old one again.
    fn after_restoring(&self, at: Timestamp, now: Timestamp) -> RotationStep {
        match (self.has_old, self.is_after_done) {
            (false, _) => return hold(HoldReason::OldSecretRetired),
            (true, false) => return RotationStep::RunAfter,
            (true, true) => {}
        }
        let Some(seen) = self.seen_since(at) else {
            return hold(HoldReason::UsageUnknown);
        };
        if let Some(until) = seen.new.map(|new| later(new.last_at, self.settle))
            && until > now
        {
            return RotationStep::Hold {
                reason: HoldReason::NewSecretUsed,
                until: Some(until),
            };
        }
        let until = later(self.after_at.unwrap_or(at).max(at), self.settle);
        match until > now {
            true => RotationStep::Wait { until },
            false => RotationStep::Remove,
        }
    }

    /// An application that still does not read the destination would not use the next secret
    /// either: the next attempt waits.
    fn after_abort(&self, at: Timestamp, now: Timestamp) -> RotationStep {
        let until = later(at, self.grace);
        match now >= until {
            true => self.begin_if_due(),
            false => RotationStep::Hold {
                reason: HoldReason::NewSecretUnused,
                until: Some(until),
            },
        }
    }

    /// Why use of the secrets, or its absence, tells nothing.
    fn unusable(&self) -> Option<HoldReason> {
        match self.usability {
            KeyUsability::Expired => Some(HoldReason::Expired),
            KeyUsability::Inactive => Some(HoldReason::Inactive),
            KeyUsability::Usable if !self.has_old => Some(HoldReason::OldSecretRetired),
            KeyUsability::Usable => None,
        }
    }
}

fn hold(reason: HoldReason) -> RotationStep {
    RotationStep::Hold {
        reason,
        until: None,
    }
}

fn later(start: Timestamp, span: SignedDuration) -> Timestamp {
    start.checked_add(span).unwrap_or(Timestamp::MAX)
}
