//! Random changes, and after each of them every secret there ever was.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::sandbox::Sandbox;
use crate::serve::http::Connection;
use crate::serve::server::Server;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// What a command may have done to a key.
#[derive(Clone, Copy, Debug)]
enum Change {
    Generate,
    Deactivate,
    Activate,
    Regenerate,
    Delete,
    Permit(&'static str),
}

/// A key as it should be.
struct Key {
    secret: String,
    is_active: bool,
    permission: &'static str,
}

/// What should be true.
#[derive(Default)]
struct Model {
    keys: BTreeMap<&'static str, Key>,
    old: Vec<String>,
}

fn changes() -> impl Strategy<Value = Vec<(&'static str, Change)>> {
    let change = proptest::sample::select(vec![
        Change::Generate,
        Change::Generate,
        Change::Deactivate,
        Change::Activate,
        Change::Activate,
        Change::Regenerate,
        Change::Delete,
        Change::Permit("full"),
        Change::Permit("read-only"),
        Change::Permit("send-only"),
    ]);
    proptest::collection::vec((proptest::sample::select(NAMES.to_vec()), change), 60)
}

impl Model {
    /// Makes a change with the real command, and says what should be true now.
    fn change(&mut self, name: &'static str, change: Change, sandbox: &Sandbox) {
        let is_there = self.keys.contains_key(name);
        match change {
            Change::Generate if is_there => {
                sandbox.run(["generate", "api", name]).expect(4);
            }
            Change::Generate => {
                let key = Key {
                    secret: sandbox.generate(["api", name]),
                    is_active: true,
                    permission: "full",
                };
                self.keys.insert(name, key);
            }
            _ if !is_there => {}
            Change::Deactivate | Change::Activate => {
                let is_active = matches!(change, Change::Activate);
                let verb = if is_active { "activate" } else { "deactivate" };
                sandbox.run([verb, name]).expect(0);
                self.keys.get_mut(name).unwrap().is_active = is_active;
            }
            Change::Regenerate => {
                let run = sandbox.run(["regenerate", "--yes", name]).expect(0);
                let key = self.keys.get_mut(name).unwrap();
                self.old
                    .push(std::mem::replace(&mut key.secret, run.secret()));
            }
            Change::Delete => {
                sandbox.run(["delete", "--yes", name]).expect(0);
                self.old.push(self.keys.remove(name).unwrap().secret);
            }
            Change::Permit(permission) => {
                sandbox
                    .run(["set", name, "--permission", permission])
                    .expect(0);
                self.keys.get_mut(name).unwrap().permission = permission;
            }
        }
    }

    /// Every secret, and the statuses that belong to reading and to sending with it.
    fn expected(&self) -> impl Iterator<Item = (&str, [u16; 2])> {
        let old = self
            .old
            .iter()
            .rev()
            .take(4)
            .map(|secret| (&**secret, [401; 2]));
        let keys = self.keys.values().map(|key| {
            let statuses = match (key.is_active, key.permission) {
                (false, _) => [401, 401],
                (true, "read-only") => [200, 403],
                (true, "send-only") => [403, 200],
                (true, _) => [200, 200],
            };
            (&*key.secret, statuses)
        });
        old.chain(keys)
    }
}

#[test]
fn after_random_changes_exactly_the_good_secrets_are_accepted() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    let server = Server::start(&sandbox);
    let mut connection = Connection::open(&server.address);
    let mut model = Model::default();
    let changes = changes().new_tree(&mut TestRunner::default()).unwrap();
    let mut done = Vec::new();
    for (name, change) in changes.current() {
        model.change(name, change, &sandbox);
        done.push((name, change));
        for (secret, expected) in model.expected() {
            let statuses = ["GET", "POST"].map(|method| {
                let target = format!("/verify?method={method}&path=/v3/smtp/email");
                connection
                    .ask("GET", &target, &[("api-key", secret)])
                    .status
            });
            assert_eq!(statuses, expected, "{done:?}");
        }
    }
}
