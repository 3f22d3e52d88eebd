//! The view for mail servers contains exactly the secrets that `verify` accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::{self, sleep};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use crate::sandbox::{Run, Sandbox};
use crate::secrecy::stock::Chance;

/// The number of random changes.
const CHANGES: usize = 45;

/// Every secret ever created, by its tail.
struct Keys {
    sandbox: Sandbox,
    names: Vec<String>,
    secrets: BTreeMap<String, String>,
}

#[test]
fn the_view_contains_exactly_the_smtp_secrets_that_verify_accepts() {
    let of_seed = |seed| {
        let mut chance = Chance(seed);
        let mut keys = Keys::new();
        for _ in 0..CHANGES {
            keys.change(&mut chance);
        }
        // What was about to expire has expired.
        sleep(Duration::from_millis(1100));
        let rows = keys.rows();
        assert_eq!(rows, keys.accepted(), "seed {seed}");
        assert!(rows.len() < keys.secrets.len(), "seed {seed}");
        rows
    };
    let accepted: BTreeSet<String> = thread::scope(|scope| {
        let seeds = [0, 1].map(|seed| scope.spawn(move || of_seed(seed)));
        seeds
            .into_iter()
            .flat_map(|rows| rows.join().unwrap())
            .collect()
    });
    assert!(!accepted.is_empty());
}

impl Keys {
    fn new() -> Self {
        Self {
            sandbox: Sandbox::new(),
            names: Vec::new(),
            secrets: BTreeMap::new(),
        }
    }

    /// Creates a key, or changes one.
    fn change(&mut self, chance: &mut Chance) {
        if self.names.is_empty() || chance.below(3) == 0 {
            return self.generate(chance);
        }
        let at = chance.below(self.names.len());
        let name = self.names[at].clone();
        let soon = Timestamp::from_second(Timestamp::now().as_second() + 1).unwrap();
        let grace = ["1s", "1h"][chance.below(2)];
        match chance.below(11) {
            0 | 1 => drop(self.run(&["deactivate", &name])),
            2 => drop(self.run(&["activate", &name])),
            3 => drop(self.run(&["set", &name, "--expires", "90d"])),
            // It may have expired by now; then it is refused.
            4 => drop(self.run(&["set", &name, "--expires", &soon.to_string()])),
            5 => {
                let secret = self.run(&["regenerate", "--yes", &name]).expect(0).secret();
                self.keep(secret);
            }
            6 | 7 => {
                // A key that is being rotated is not rotated again.
                let run = self.run(&["rotate", &name, "--grace", grace]);
                if run.status == 0 {
                    self.keep(run.secret());
                }
            }
            8 => drop(self.run(&["rotate", "--finish", "--yes", &name])),
            9 => drop(self.run(&["rotate", "--abort", "--yes", &name])),
            _ => {
                self.run(&["delete", "--yes", &name]).expect(0);
                self.names.remove(at);
            }
        }
    }

    fn generate(&mut self, chance: &mut Chance) {
        let name = format!("key-{}", self.secrets.len());
        let kind: &[&str] = match chance.below(6) {
            0 => &["api"],
            1 | 2 => &["smtp", "--username", "ops@example.com"],
            3 => &["smtp", "--inactive"],
            4 => &["smtp", "--decoy"],
            _ => &["smtp"],
        };
        let args = [&["generate"], kind, &[&name]].concat();
        let secret = self.run(&args).expect(0).secret();
        self.names.push(name);
        self.keep(secret);
    }

    fn keep(&mut self, secret: String) {
        let tail = secret[secret.len() - 16..].to_owned();
        self.secrets.insert(tail, secret);
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(self.sandbox.command(args.iter().copied()).output().unwrap())
    }

    /// The tails in the view.
    fn rows(&self) -> BTreeSet<String> {
        let vault = Connection::open(self.sandbox.vault()).unwrap();
        let mut statement = vault.prepare("SELECT tail FROM smtp_login").unwrap();
        let tails = statement.query_map([], |row| row.get(0)).unwrap();
        tails.map(Result::unwrap).collect()
    }

    /// The tails of the SMTP secrets that `verify` accepts.
    fn accepted(&self) -> BTreeSet<String> {
        let secrets = self.secrets.iter();
        let accepted = secrets.filter(|(_, secret)| {
            secret.starts_with("xsmtp") && self.sandbox.verify(secret).0 == "accepted"
        });
        accepted.map(|(tail, _)| tail.clone()).collect()
    }
}
