use proptest::prelude::*;

use super::*;
use jiff::{SignedDuration, Timestamp};

/// Delivered at hour 100, decided at hour 124; the old secret must be unused for an hour.
const DELIVERED: i64 = 100;

fn hour(hours: f64) -> Timestamp {
    Timestamp::from_second((hours * 3600.0) as i64).expect("a time")
}

fn used(first: f64, last: f64) -> Option<SeenUse> {
    Some(SeenUse {
        first_at: hour(first),
        last_at: hour(last),
    })
}

fn seen(new: Option<SeenUse>, old: Option<SeenUse>) -> Option<SeenSecrets> {
    Some(SeenSecrets {
        since: hour(0.0),
        new,
        old,
    })
}

fn delivered() -> RotationFacts {
    RotationFacts {
        progress: Some((RotationProgress::Delivered, hour(DELIVERED as f64))),
        is_after_done: true,
        is_restorable: true,
        has_old: true,
        usability: KeyUsability::Usable,
        is_due: false,
        by_hand_until: None,
        obstacle: None,
        grace: SignedDuration::from_hours(24),
        settle: SignedDuration::from_hours(1),
        seen: seen(None, used(1.0, 100.0)),
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
        // Use may be recorded, but not that of this key.
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
        (restored, 124.0, RotationStep::Remove),
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

/// A key, its destination, and an application that reads it.
#[derive(Clone, Debug)]
struct Model {
    now: i64,
    facts: RotationFacts,
    /// Which secrets are valid: the numbers of those that were created.
    valid: Vec<u32>,
    pending: Option<u32>,
    created: u32,
    destination: u32,
    application: u32,
    is_after_broken: bool,
    /// The uses of each secret.
    uses: Vec<(u32, i64)>,
    is_recorded: bool,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// Hours pass.
    Pass(u8),
    /// The application uses the secret that it has read.
    Use,
    /// It reads the destination.
    Reload,
    /// The command fails from now on, or no longer.
    Break(bool),
    /// The usage record is lost, or read again.
    Record(bool),
    /// `rotate --due` runs, and is killed after that many of its effects.
    Run(u8),
}

impl Model {
    fn new() -> Self {
        Self {
            now: 1000,
            facts: RotationFacts {
                progress: None,
                is_due: true,
                ..delivered()
            },
            valid: vec![0],
            pending: None,
            created: 0,
            destination: 0,
            application: 0,
            is_after_broken: false,
            uses: Vec::new(),
            is_recorded: true,
        }
    }

    fn known(&self) -> RotationFacts {
        let of = |secret: Option<&u32>| {
            let mut uses = self.uses.iter().filter(|(used, _)| Some(used) == secret);
            let first = uses.clone().next()?;
            let last = uses.next_back()?;
            used(first.1 as f64, last.1 as f64)
        };
        let new = self.valid.get(1);
        let uses = seen(of(new), of(self.valid.first()));
        RotationFacts {
            has_old: true,
            seen: uses.filter(|_| self.is_recorded),
            ..self.facts
        }
    }

    fn set(&mut self, progress: RotationProgress) {
        self.facts.progress = Some((progress, hour(self.now as f64)));
        self.facts.is_after_done = false;
    }

    /// The effects of a step, one after the other.
    fn effects(step: RotationStep) -> Vec<fn(&mut Self)> {
        match step {
            RotationStep::Begin => vec![
                |model| {
                    model.created += 1;
                    model.pending = Some(model.created);
                    model.set(RotationProgress::Begun);
                },
                |model| model.destination = model.created,
                Self::activate,
            ],
            RotationStep::Resume => vec![|model| match model.pending {
                Some(pending) if pending == model.destination => model.activate(),
                _ => model.facts.progress = None,
            }],
            RotationStep::RunAfter => vec![
                |model| {
                    if !model.is_after_broken {
                        model.application = model.destination;
                    }
                },
                |model| model.facts.is_after_done = !model.is_after_broken,
            ],
            RotationStep::Finish => vec![|model| {
                assert!(model.uses.iter().any(|(used, _)| *used == model.valid[1]));
                assert_eq!(model.destination, model.valid[1]);
                assert!(!model.is_in_use(model.valid[0]));
                model.valid.remove(0);
                model.facts.progress = None;
                model.facts.is_due = false;
            }],
            RotationStep::Restore => vec![
                |model| model.set(RotationProgress::Restoring),
                |model| model.destination = model.valid[0],
                |model| model.set(RotationProgress::Restored),
            ],
            RotationStep::Remove => vec![|model| {
                assert_eq!(model.destination, model.valid[0]);
                assert!(!model.is_in_use(model.valid[1]));
                model.valid.truncate(1);
                model.set(RotationProgress::Aborted);
            }],
            RotationStep::Nothing
            | RotationStep::NotPossible(_)
            | RotationStep::LeaveToPerson { .. }
            | RotationStep::Wait { .. }
            | RotationStep::Hold { .. } => Vec::new(),
        }
    }

    /// Whether a secret was used within the last hour.
    fn is_in_use(&self, secret: u32) -> bool {
        let mut uses = self.uses.iter();
        uses.any(|(used, at)| *used == secret && *at + 1 > self.now)
    }

    fn activate(&mut self) {
        let pending = self.pending.take().expect("one is pending");
        self.valid.push(pending);
        self.set(RotationProgress::Delivered);
    }

    /// One run: steps until there is nothing to do, or it is killed.
    fn run(&mut self, most: u8) -> RotationStep {
        let mut left = most;
        for _ in 0..20 {
            let facts = self.known();
            let step = facts.next_step(hour(self.now as f64));
            assert_eq!(step, facts.next_step(hour(self.now as f64)));
            let effects = Self::effects(step);
            if effects.is_empty() || (step == RotationStep::RunAfter && self.is_after_broken) {
                return step;
            }
            for effect in effects {
                if left == 0 {
                    return step;
                }
                left -= 1;
                effect(self);
                self.expect_no_outage();
            }
        }
        panic!("no end: {self:?}");
    }

    /// What was delivered is valid, or will be made valid or replaced at the next run.
    fn expect_no_outage(&self) {
        assert!(!self.valid.is_empty());
        let is_begun = matches!(self.facts.progress, Some((RotationProgress::Begun, _)));
        assert!(
            self.valid.contains(&self.destination) || is_begun,
            "{self:?}"
        );
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Pass(hours) => self.now += i64::from(hours),
            Event::Use if self.valid.contains(&self.application) => {
                self.uses.push((self.application, self.now));
            }
            Event::Use => {}
            // An application that restarts while a secret is pending is refused until the next run.
            Event::Reload if self.valid.contains(&self.destination) => {
                self.application = self.destination;
            }
            Event::Reload => {}
            Event::Break(is_broken) => self.is_after_broken = is_broken,
            Event::Record(is_recorded) => self.is_recorded = is_recorded,
            Event::Run(most) => drop(self.run(most)),
        }
        self.expect_no_outage();
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..30_u8).prop_map(Event::Pass),
        Just(Event::Use),
        Just(Event::Use),
        Just(Event::Reload),
        any::<bool>().prop_map(Event::Break),
        prop::bool::weighted(0.8).prop_map(Event::Record),
        (0..8_u8).prop_map(Event::Run),
        Just(Event::Run(u8::MAX)),
        Just(Event::Run(u8::MAX)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_sequence_of_events_leads_to_an_outage_or_a_rotation_without_an_end(
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut model = Model::new();
        for event in events {
            model.apply(event);
        }
        // When nothing else happens, it ends or is held.
        for _ in 0..10 {
            match model.run(u8::MAX) {
                RotationStep::Wait { until } => {
                    let until = until.as_second() / 3600;
                    prop_assert!(until >= model.now, "{:?}", model);
                    model.now = until.max(model.now + 1);
                }
                RotationStep::Hold {
                    until: Some(until), ..
                } if model.facts.progress.is_some_and(|(progress, _)| {
                    progress == RotationProgress::Restored
                }) => model.now = until.as_second() / 3600,
                RotationStep::Nothing
                | RotationStep::RunAfter
                | RotationStep::Hold { .. } => return Ok(()),
                step => prop_assert!(false, "{step:?}: {model:?}"),
            }
        }
        prop_assert!(false, "it waits forever: {model:?}");
    }
}
