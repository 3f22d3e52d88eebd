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
