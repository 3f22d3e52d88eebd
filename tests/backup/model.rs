//! Random changes between a backup and its restore, compared with a model: which keys become valid
//! again is predicted exactly.

use std::collections::{BTreeMap, BTreeSet};

use crate::sandbox::Sandbox;
use crate::secrecy::stock::Chance;

/// The number of vaults, and of changes to each.
const VAULTS: u64 = 4;
const CHANGES: usize = 24;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A key in the model; successive keys with one name differ.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    name: &'static str,
    secret: String,
    is_active: bool,
    limit: u32,
}

/// All keys, in the order of their creation.
type Keys = BTreeMap<usize, Key>;

struct Model {
    sandbox: Sandbox,
    chance: Chance,
    keys: Keys,
    secrets: BTreeSet<String>,
    made: usize,
}

#[test]
fn a_restore_matches_the_model() {
    let mut revived = 0;
    for seed in 0..VAULTS {
        let mut model = Model::new(seed);
        model.change(CHANGES / 2);
        let copy = model.sandbox.backup("copy.db");
        let then = model.keys.clone();
        model.change(CHANGES);
        let expected = effects(&model.keys, &then);
        assert_eq!(model.sandbox.effects(&copy), expected, "seed {seed}");
        let first = expected.iter().find(|(_, effect)| effect == "revived");
        let args = match first {
            Some((name, _)) => ["--confirm", name],
            None => ["--yes", "--quiet"],
        };
        model.sandbox.restore(&args, &copy).expect(0);
        model.expect_accepted(&then);
        revived += expected
            .iter()
            .filter(|(_, effect)| effect == "revived")
            .count();
    }
    assert!(revived > 3, "only {revived} keys came back to life");
}

impl Model {
    fn new(seed: u64) -> Self {
        Self {
            sandbox: Sandbox::new(),
            chance: Chance(seed),
            keys: Keys::new(),
            secrets: BTreeSet::new(),
            made: 0,
        }
    }

    fn change(&mut self, times: usize) {
        for _ in 0..times {
            let name = NAMES[self.chance.below(NAMES.len())];
            match self.keys.iter().find(|(_, key)| key.name == name) {
                None => self.make(name),
                Some((&number, _)) => self.change_one(number, name),
            }
        }
    }

    fn make(&mut self, name: &'static str) {
        let secret = self.sandbox.generate(["api", name]);
        self.secrets.insert(secret.clone());
        self.made += 1;
        let key = Key {
            name,
            secret,
            is_active: true,
            limit: 0,
        };
        self.keys.insert(self.made, key);
    }

    fn change_one(&mut self, number: usize, name: &'static str) {
        let sandbox = &self.sandbox;
        let key = self.keys.get_mut(&number).unwrap();
        match self.chance.below(5) {
            0 => {
                sandbox.run(["delete", "--yes", name]).expect(0);
                self.keys.remove(&number);
            }
            1 => {
                let run = sandbox.run(["regenerate", "--yes", name]).expect(0);
                key.secret = run.secret();
                self.secrets.insert(key.secret.clone());
            }
            2 => {
                sandbox.run(["deactivate", name]).expect(0);
                key.is_active = false;
            }
            3 => {
                sandbox.run(["activate", name]).expect(0);
                key.is_active = true;
            }
            _ => {
                key.limit += 1;
                let limit = format!("{}/day", key.limit + 100);
                sandbox.run(["set", name, "--limit", &limit]).expect(0);
            }
        }
    }

    fn expect_accepted(&self, keys: &Keys) {
        let good: BTreeSet<_> = keys.values().filter_map(accepted).collect();
        for secret in &self.secrets {
            let is_accepted = self.sandbox.verify(secret).1 == 0;
            assert_eq!(is_accepted, good.contains(secret), "{secret}");
        }
    }
}

/// The key's secret, if it is valid.
fn accepted(key: &Key) -> Option<&String> {
    key.is_active.then_some(&key.secret)
}

/// The effects of restoring `then` on the keys of `now`, in the order of their creation.
fn effects(now: &Keys, then: &Keys) -> Vec<(String, String)> {
    let numbers: BTreeSet<_> = now.keys().chain(then.keys()).collect();
    let effect = |number: &&usize| {
        let (now, then) = (now.get(number), then.get(number));
        let (good, good_then) = (now.and_then(accepted), then.and_then(accepted));
        let effect = match (now, then) {
            _ if good_then.is_some() && good_then != good => "revived",
            (Some(_), None) => "gone",
            (None, Some(_)) => "returned",
            _ if good.is_some() && good_then != good => "stopped",
            (now, then) if now != then => "changed",
            _ => return None,
        };
        let name = then.or(now)?.name;
        Some((name.to_owned(), effect.to_owned()))
    };
    numbers.iter().filter_map(effect).collect()
}
