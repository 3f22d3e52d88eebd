//! What needs attention about an automatic rotation.

use jiff::Timestamp;

use super::{Finding, Rules};
use crate::vault::AutomaticRotation;

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
    // A run after the grace period finishes it, aborts it, or holds it; the new secret may still
    // have to settle then.
    let due = rotation.since.checked_add(rules.grace.term.length());
    let due = due.and_then(|due| due.checked_add(rules.settle_length()));
    let due_at = due.ok().filter(|&due_at| due_at < now)?;
    let begun_at = rotation.since;
    Some(Finding::RotationStalled { begun_at, due_at })
}
