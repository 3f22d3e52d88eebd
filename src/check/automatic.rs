//! What needs attention about an automatic rotation.

use jiff::{SignedDuration, Timestamp};

use super::{Finding, Rules};
use crate::rotation::RotationProgress;
use crate::vault::AutomaticRotation;

/// How long a delivery takes at most.
const DELIVERY: SignedDuration = SignedDuration::from_mins(10);

/// The finding that the rotation waits for a person, or that no run continues it.
pub(super) fn unfinished(
    rotation: &AutomaticRotation,
    rules: &Rules,
    now: Timestamp,
) -> Option<Finding> {
    if let Some(held) = &rotation.held {
        return Some(Finding::RotationHeld {
            held_at: held.at,
            reason: held.reason,
            detail: held.detail.clone(),
        });
    }
    let length = match rotation.progress {
        // The destination may have a secret that is not valid yet.
        RotationProgress::Begun => DELIVERY,
        RotationProgress::Aborted => return None,
        _ => rules.grace.term.length(),
    };
    // A run after the grace period finishes it, aborts it, or holds it; the new secret may still
    // have to settle then.
    let due = rotation.since.checked_add(length);
    let settle = match rotation.progress {
        RotationProgress::Begun => SignedDuration::ZERO,
        _ => rules.settle_length(),
    };
    let due = due.and_then(|due| due.checked_add(settle));
    let due_at = due.ok().filter(|&due_at| due_at < now)?;
    let begun_at = rotation.since;
    Some(Finding::RotationStalled { begun_at, due_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::RuleOverrides;
    use crate::key::KeyPolicy;
    use crate::rotation::HoldReason;
    use crate::settings::Settings;
    use crate::vault::HeldRotation;

    #[test]
    fn a_rotation_needs_attention_if_it_is_held_or_nobody_continues_it() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1000);
        let policy = Settings::default().policy;
        let rules = Rules::new(&RuleOverrides::default(), &KeyPolicy::default(), &policy);
        let found = |progress, minutes, held: Option<HoldReason>| {
            let rotation = AutomaticRotation {
                tail: "0123456789abcdef".parse().expect("a tail"),
                destination: None,
                progress,
                since: now - SignedDuration::from_mins(minutes),
                after_at: None,
                held: held.map(|reason| HeldRotation {
                    reason,
                    at: now,
                    detail: None,
                }),
                sealed: None,
            };
            unfinished(&rotation, &rules, now).map(|finding| finding.into_str())
        };
        for (progress, minutes, held, finding) in [
            (RotationProgress::Begun, 9, None, None),
            (RotationProgress::Begun, 11, None, Some("rotation-stalled")),
            (RotationProgress::Delivered, 25 * 60, None, None),
            (
                RotationProgress::Delivered,
                25 * 60 + 1,
                None,
                Some("rotation-stalled"),
            ),
            (
                RotationProgress::Restored,
                26 * 60,
                None,
                Some("rotation-stalled"),
            ),
            (RotationProgress::Aborted, 999 * 60, None, None),
            (
                RotationProgress::Delivered,
                1,
                Some(HoldReason::AfterFailed),
                Some("rotation-held"),
            ),
        ] {
            assert_eq!(
                found(progress, minutes, held),
                finding,
                "{progress:?} {minutes}"
            );
        }
    }
}
