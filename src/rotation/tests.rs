use super::*;
use jiff::{SignedDuration, Timestamp};

/// Delivered at hour 100, decided at hour 124; the old secret must be unused for an hour.
const DELIVERED: i64 = 100;

pub(super) fn hour(hours: f64) -> Timestamp {
    Timestamp::from_second((hours * 3600.0) as i64).expect("a time")
}

pub(super) fn used(first: f64, last: f64) -> Option<SeenUse> {
    Some(SeenUse {
        first_at: hour(first),
        last_at: hour(last),
    })
}

pub(super) fn seen(new: Option<SeenUse>, old: Option<SeenUse>) -> Option<SeenSecrets> {
    Some(SeenSecrets {
        since: hour(0.0),
        new,
        old,
    })
}

pub(super) fn delivered() -> RotationFacts {
    RotationFacts {
        progress: Some((RotationProgress::Delivered, hour(DELIVERED as f64))),
        is_after_done: true,
        after_at: None,
        is_restorable: true,
        has_old: true,
        usability: KeyUsability::Usable,
        is_due: false,
        by_hand_until: None,
        obstacle: None,
        grace: SignedDuration::from_hours(24),
        settle: SignedDuration::from_hours(1),
        seen: seen(None, used(1.0, 101.0)),
    }
}

fn at(progress: RotationProgress) -> RotationFacts {
    RotationFacts {
        progress: Some((progress, hour(DELIVERED as f64))),
        ..delivered()
    }
}

fn wait(until: f64) -> RotationStep {
    RotationStep::Wait { until: hour(until) }
}

fn held(reason: HoldReason) -> RotationStep {
    RotationStep::Hold {
        reason,
        until: None,
    }
}

#[test]
fn a_rotation_begins_when_it_is_due_and_possible() {
    let none = RotationFacts {
        progress: None,
        ..delivered()
    };
    let due = RotationFacts {
        is_due: true,
        ..none
    };
    let decoy = RotationFacts {
        obstacle: Some(RotationObstacle::Decoy),
        ..due
    };
    for (facts, step) in [
        (none, RotationStep::Nothing),
        (due, RotationStep::Begin),
        (decoy, RotationStep::NotPossible(RotationObstacle::Decoy)),
        (
            RotationFacts {
                by_hand_until: Some(hour(9.0)),
                ..due
            },
            RotationStep::LeaveToPerson { until: hour(9.0) },
        ),
        (
            RotationFacts {
                is_due: false,
                ..decoy
            },
            RotationStep::Nothing,
        ),
    ] {
        assert_eq!(facts.next_step(hour(1.0)), step, "{facts:?}");
    }
}

#[test]
fn a_delivered_secret_is_kept_once_only_it_is_used() {
    let (new, lagging) = (used(101.0, 102.0), used(1.0, 110.0));
    let early = used(1.0, 100.5);
    for (uses, now, step) in [
        // Nothing was used yet.
        (seen(None, None), 101.0, wait(124.0)),
        (seen(None, used(1.0, 101.0)), 102.0, wait(124.0)),
        // Only the new one, for long enough.
        (seen(new, None), 101.9, wait(102.0)),
        (seen(new, None), 102.0, RotationStep::Finish),
        (seen(new, early), 102.0, RotationStep::Finish),
        // The old one, too.
        (seen(new, lagging), 110.0, wait(111.0)),
        (seen(new, lagging), 111.0, RotationStep::Finish),
        (
            seen(new, used(1.0, 123.5)),
            124.0,
            held(HoldReason::OldSecretUsed),
        ),
        (seen(new, used(1.0, 123.5)), 124.5, RotationStep::Finish),
        // The new one late, the old one no longer.
        (seen(used(123.9, 123.9), early), 124.0, wait(124.9)),
        (seen(used(123.9, 123.9), early), 124.9, RotationStep::Finish),
        // Long after the grace period, as if no run had been for weeks.
        (seen(new, lagging), 1000.0, RotationStep::Finish),
        (seen(None, lagging), 1000.0, RotationStep::Restore),
    ] {
        let facts = RotationFacts {
            seen: uses,
            ..delivered()
        };
        assert_eq!(facts.next_step(hour(now)), step, "{uses:?} at {now}");
    }
}

#[test]
fn without_a_record_nothing_is_finished_or_aborted() {
    let late = Some(SeenSecrets {
        since: hour(101.0),
        new: used(101.0, 102.0),
        old: None,
    });
    for (uses, now, step) in [
        (None, 123.0, wait(124.0)),
        (None, 124.0, held(HoldReason::UsageUnknown)),
        (late, 103.0, wait(124.0)),
        (late, 500.0, held(HoldReason::UsageUnknown)),
        // Use may be recorded, but not that of this key, or not since the delivery.
        (
            seen(None, used(1.0, 99.0)),
            124.0,
            held(HoldReason::UsageUnknown),
        ),
        (seen(None, None), 124.0, held(HoldReason::UsageUnknown)),
    ] {
        let facts = RotationFacts {
            seen: uses,
            ..delivered()
        };
        assert_eq!(facts.next_step(hour(now)), step, "{uses:?} at {now}");
    }
}

#[test]
fn a_secret_that_nobody_used_is_taken_back() {
    let restored = at(RotationProgress::Restored);
    let late = RotationFacts {
        seen: seen(used(123.5, 123.8), None),
        ..restored
    };
    let until = Some(hour(124.8));
    let reason = HoldReason::NewSecretUsed;
    for (facts, now, step) in [
        (delivered(), 123.9, wait(124.0)),
        (delivered(), 124.0, RotationStep::Restore),
        (
            RotationFacts {
                is_restorable: false,
                ..delivered()
            },
            124.0,
            held(HoldReason::CannotRestore),
        ),
        (
            at(RotationProgress::Restoring),
            101.0,
            RotationStep::Restore,
        ),
        (restored, 100.5, wait(101.0)),
        (restored, 124.0, RotationStep::Remove),
        (
            RotationFacts {
                after_at: Some(hour(123.5)),
                ..restored
            },
            124.0,
            wait(124.5),
        ),
        (late, 124.0, RotationStep::Hold { reason, until }),
        (late, 124.8, RotationStep::Remove),
        (
            RotationFacts {
                seen: None,
                ..restored
            },
            124.0,
            held(HoldReason::UsageUnknown),
        ),
        (
            RotationFacts {
                is_after_done: false,
                ..restored
            },
            124.0,
            RotationStep::RunAfter,
        ),
        (
            RotationFacts {
                has_old: false,
                ..restored
            },
            124.0,
            held(HoldReason::OldSecretRetired),
        ),
    ] {
        assert_eq!(facts.next_step(hour(now)), step, "{facts:?}");
    }
}

#[test]
fn after_an_abort_the_next_attempt_waits_as_long_as_a_rotation() {
    let aborted = RotationFacts {
        is_due: true,
        ..at(RotationProgress::Aborted)
    };
    let until = Some(hour(124.0));
    let reason = HoldReason::NewSecretUnused;
    let waiting = RotationStep::Hold { reason, until };
    assert_eq!(aborted.next_step(hour(123.9)), waiting);
    assert_eq!(aborted.next_step(hour(124.0)), RotationStep::Begin);
}

#[test]
fn the_command_runs_before_anything_is_decided() {
    let facts = RotationFacts {
        is_after_done: false,
        seen: seen(used(101.0, 101.0), None),
        ..delivered()
    };
    assert_eq!(facts.next_step(hour(100.0)), RotationStep::RunAfter);
    assert_eq!(facts.next_step(hour(130.0)), RotationStep::RunAfter);
    let unused = RotationFacts {
        seen: delivered().seen,
        ..facts
    };
    assert_eq!(unused.next_step(hour(123.0)), RotationStep::RunAfter);
    assert_eq!(unused.next_step(hour(124.0)), RotationStep::Restore);
}

#[test]
fn a_key_that_cannot_be_used_is_held() {
    for (usability, has_old, reason) in [
        (KeyUsability::Inactive, true, HoldReason::Inactive),
        (KeyUsability::Expired, false, HoldReason::Expired),
        (KeyUsability::Usable, false, HoldReason::OldSecretRetired),
    ] {
        for now in [101.0, 500.0] {
            let facts = RotationFacts {
                usability,
                has_old,
                ..delivered()
            };
            assert_eq!(facts.next_step(hour(now)), held(reason));
        }
    }
}

#[test]
fn times_beyond_the_calendar_are_never_reached() {
    let facts = RotationFacts {
        grace: SignedDuration::MAX,
        ..delivered()
    };
    let until = Timestamp::MAX;
    assert_eq!(facts.next_step(hour(500.0)), RotationStep::Wait { until });
}
