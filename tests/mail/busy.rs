//! Logins while the vault is being changed.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::dovecot::{Accepted, Client, Mechanism};
use super::machine::{Machine, on_each_debian};
use crate::sandbox::Sandbox;
use crate::secrecy::stock::stock;

/// How many logins each client makes.
const LOGINS: usize = 60;

#[test]
fn no_login_fails_because_others_change_the_vault() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
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
    });
}

#[test]
fn a_change_that_was_cut_off_is_undone_at_the_next_login() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        stock(&machine.sandbox, 300);
        let vault = machine.sandbox.vault();
        let journal = vault.with_file_name("vault.db-journal");
        // More than the cache holds, so that half of the change is in the vault already.
        let change = "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE;
                  UPDATE keys SET status = 'inactive'; UPDATE secrets SET created_at = 1;";
        let killed = Command::new("sqlite3")
            .arg(&vault)
            .args([change, ".system kill -9 $PPID"])
            .output()
            .unwrap();
        assert_eq!(killed.status.signal(), Some(9), "{killed:?}");
        assert!(fs::metadata(&journal).unwrap().len() > 4096);
        assert_eq!(machine.login("shop_prod", &secret), Accepted);
        assert!(!journal.exists());
        machine.sandbox.run(["deactivate", "shop-mail"]).expect(0);
        machine.expect_no_errors();
        machine.expect_vault_alone();
    });
}

/// Makes, stops, resumes and deletes a key; how many changes that is.
fn change(sandbox: &Sandbox, name: &str) -> usize {
    sandbox.generate(["smtp", name]);
    sandbox.run(["deactivate", name]).expect(0);
    sandbox.run(["activate", name]).expect(0);
    sandbox.run(["delete", "--yes", name]).expect(0);
    4
}
