//! Random changes, and after each a check of every secret ever created.

use std::collections::BTreeMap;
use std::thread;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::sandbox::{Run, Sandbox};
use crate::serve::http::{Connection, request};
use crate::serve::server::Server;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// The number of parallel sequences of changes, and their length.
const WALKS: usize = 8;
const CHANGES: usize = 140;

/// How many invalid secrets are checked after each change: the latest, and as many of the others in
/// turn.
const TRIED: usize = 10;

/// The possible effects of a command on a key.
#[derive(Clone, Copy, Debug)]
enum Change {
    Generate,
    Plant,
    Deactivate,
    Activate,
    Regenerate,
    Rotate,
    Finish,
    Abort,
    Delete,
    Permit(&'static str),
}

/// The expected state of a key.
struct Key {
    secret: String,
    /// Its old secret during a rotation.
    retiring: Option<String>,
    is_active: bool,
    is_decoy: bool,
    permission: &'static str,
}

/// The expected state.
#[derive(Default)]
struct Model {
    keys: BTreeMap<&'static str, Key>,
    /// Dead secrets, and their causes.
    old: Vec<(String, &'static str)>,
}

fn changes() -> impl Strategy<Value = Vec<(&'static str, Change)>> {
    let change = proptest::sample::select(vec![
        Change::Generate,
        Change::Generate,
        Change::Plant,
        Change::Deactivate,
        Change::Activate,
        Change::Activate,
        Change::Regenerate,
        Change::Rotate,
        Change::Rotate,
        Change::Finish,
        Change::Abort,
        Change::Delete,
        Change::Permit("full"),
        Change::Permit("read-only"),
        Change::Permit("send-only"),
    ]);
    proptest::collection::vec((proptest::sample::select(NAMES.to_vec()), change), CHANGES)
}

impl Model {
    /// Makes a change with the real command, and updates the expected state.
    fn change(&mut self, name: &'static str, change: Change, sandbox: &Sandbox) {
        let is_there = self.keys.contains_key(name);
        match change {
            Change::Generate | Change::Plant if is_there => {
                sandbox.run(["generate", "api", name]).expect(4);
            }
            Change::Generate => {
                let key = Key {
                    secret: sandbox.generate(["api", name]),
                    retiring: None,
                    is_active: true,
                    is_decoy: false,
                    permission: "full",
                };
                self.keys.insert(name, key);
            }
            Change::Plant => {
                let key = Key {
                    secret: sandbox.generate(["api", name, "--decoy"]),
                    retiring: None,
                    is_active: true,
                    is_decoy: true,
                    permission: "full",
                };
                self.keys.insert(name, key);
            }
            _ if !is_there => {}
            Change::Deactivate | Change::Activate | Change::Rotate | Change::Permit(_)
                if self.keys[name].is_decoy =>
            {
                let args = match change {
                    Change::Deactivate => vec!["deactivate", name],
                    Change::Activate => vec!["activate", name],
                    Change::Rotate => vec!["rotate", name],
                    _ => vec!["set", name, "--permission", "full"],
                };
                Run::of(sandbox.command(args).output().unwrap()).expect(1);
            }
            Change::Deactivate | Change::Activate => {
                let is_active = matches!(change, Change::Activate);
                let verb = if is_active { "activate" } else { "deactivate" };
                sandbox.run([verb, name]).expect(0);
                self.keys.get_mut(name).unwrap().is_active = is_active;
            }
            Change::Regenerate => {
                let run = sandbox.run(["regenerate", "--yes", name]).expect(0);
                let key = self.keys.get_mut(name).unwrap();
                let before = std::mem::replace(&mut key.secret, run.secret());
                let dead = [before].into_iter().chain(key.retiring.take());
                self.old.extend(dead.map(|secret| (secret, "replaced")));
            }
            Change::Rotate => {
                let run = sandbox.run(["rotate", name]);
                let key = self.keys.get_mut(name).unwrap();
                if key.retiring.is_some() {
                    run.expect(4);
                } else {
                    let secret = run.expect(0).secret();
                    key.retiring = Some(std::mem::replace(&mut key.secret, secret));
                }
            }
            Change::Finish => {
                sandbox.run(["rotate", "--finish", "--yes", name]).expect(0);
                let retired = self.keys.get_mut(name).unwrap().retiring.take();
                self.old.extend(retired.map(|secret| (secret, "retired")));
            }
            Change::Abort => {
                let run = sandbox.run(["rotate", "--abort", "--yes", name]);
                let key = self.keys.get_mut(name).unwrap();
                match key.retiring.take() {
                    Some(old) => {
                        run.expect(0);
                        let aborted = std::mem::replace(&mut key.secret, old);
                        self.old.push((aborted, "replaced"));
                    }
                    None => drop(run.expect(1)),
                }
            }
            Change::Delete => {
                sandbox.run(["delete", "--yes", name]).expect(0);
                let key = self.keys.remove(name).unwrap();
                let dead = [key.secret].into_iter().chain(key.retiring);
                self.old.extend(dead.map(|secret| (secret, "deleted")));
            }
            Change::Permit(permission) => {
                sandbox
                    .run(["set", name, "--permission", permission])
                    .expect(0);
                self.keys.get_mut(name).unwrap().permission = permission;
            }
        }
    }

    /// Presented secrets, their requests, and the expected responses.
    fn questions(&self, round: usize) -> Vec<(&str, &'static str, u16)> {
        let good = self.keys.values().flat_map(|key| {
            let opens = key.is_active && !key.is_decoy;
            let (reading, sending) = match (opens, key.permission) {
                (false, _) => (401, 401),
                (true, "read-only") => (200, 403),
                (true, "send-only") => (403, 200),
                (true, _) => (200, 200),
            };
            let secrets = [&key.secret].into_iter().chain(&key.retiring);
            let ask = move |secret| [(secret, "GET", reading), (secret, "POST", sending)];
            secrets.map(String::as_str).flat_map(ask)
        });
        let latest = self.old.iter().rev().take(TRIED);
        let others = self.old.iter().cycle().skip(round * TRIED).take(TRIED);
        let old = latest.chain(others.take(self.old.len()));
        good.chain(old.map(|(secret, _)| (secret.as_str(), "GET", 401)))
            .collect()
    }
}

/// In batches, since too many refusals per second are delayed.
fn ask(address: &str, questions: &[(&str, &str, u16)]) -> Vec<u16> {
    let asking = |(secret, method, _): &(&str, &str, u16)| {
        let target = format!("/verify?method={method}&path=/v3/smtp/email");
        let request = request("GET", &target, &[("api-key", secret)]);
        let mut connection = Connection::open(address);
        connection.send(request.as_bytes()).unwrap();
        connection
    };
    let asked: Vec<_> = questions.iter().map(asking).collect();
    let answered = asked
        .into_iter()
        .map(|mut connection| connection.answer().unwrap().status);
    answered.collect()
}

/// Makes random changes, with checks after each; returns the number of checks.
fn walk() -> usize {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    let server = Server::start(&sandbox);
    let mut model = Model::default();
    let changes = changes().new_tree(&mut TestRunner::default()).unwrap();
    let (mut done, mut asked) = (Vec::new(), 0);
    for (round, (name, change)) in changes.current().into_iter().enumerate() {
        model.change(name, change, &sandbox);
        done.push((name, change));
        let questions = model.questions(round);
        let statuses = ask(&server.address, &questions);
        for (status, question) in statuses.into_iter().zip(&questions) {
            assert_eq!(status, question.2, "{question:?} after {done:?}");
        }
        asked += questions.len();
    }
    for (secret, cause) in &model.old {
        assert_eq!(sandbox.verify(secret).0, *cause, "{secret} after {done:?}");
    }
    asked + model.old.len()
}

#[test]
fn exactly_the_valid_secrets_are_accepted_during_random_changes() {
    let walks = (0..WALKS).map(|_| thread::spawn(walk));
    let walks: Vec<_> = walks.collect();
    let asked = walks.into_iter().map(|walk| walk.join().unwrap());
    let asked: usize = asked.sum();
    assert!(asked >= 10_000, "{asked} questions");
}
