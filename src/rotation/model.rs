//! Random sequences of events, against rules that must always hold.

use proptest::prelude::*;

use super::tests::{delivered, hour, seen, used};
use super::*;

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
        self.facts.after_at = None;
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
                |model| {
                    model.facts.is_after_done = !model.is_after_broken;
                    model.facts.after_at = Some(hour(model.now as f64));
                },
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
            Event::Use => {
                assert!(self.valid.contains(&self.application), "{self:?}");
                self.uses.push((self.application, self.now));
            }
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
