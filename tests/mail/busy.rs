//! Logins while the vault is being changed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::dovecot::{Accepted, Client, Mechanism};
use super::machine::Machine;
use super::only_as_root;
use crate::sandbox::Sandbox;

/// How many logins each client makes.
const LOGINS: usize = 120;

#[test]
fn no_login_fails_because_others_change_the_vault() {
    only_as_root!();
    let (machine, secret) = Machine::with_dovecot();
    let is_over = AtomicBool::new(false);
    let changes = AtomicUsize::new(0);
    thread::scope(|scope| {
        for writer in ["one", "two"] {
            let (sandbox, is_over, changes) = (&machine.sandbox, &is_over, &changes);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    changes.fetch_add(change(sandbox, writer), Ordering::Relaxed);
                }
            });
        }
        let clients = [(), ()].map(|()| {
            scope.spawn(|| {
                let mut client = Client::new(&machine);
                let answers =
                    (0..LOGINS).map(|_| client.login(Mechanism::Plain, "shop_prod", &secret));
                answers.filter(|answer| *answer != Accepted).count()
            })
        });
        let failed: usize = clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(failed, 0, "of {} logins", 2 * LOGINS);
    });
    let changes = changes.into_inner();
    assert!(changes >= 20, "only {changes} changes");
    machine.expect_no_errors();
    machine.expect_vault_alone();
}

/// Makes, stops, resumes and deletes a key; how many changes that is.
fn change(sandbox: &Sandbox, name: &str) -> usize {
    sandbox.generate(["smtp", name]);
    sandbox.run(["deactivate", name]).expect(0);
    sandbox.run(["activate", name]).expect(0);
    sandbox.run(["delete", "--yes", name]).expect(0);
    4
}
