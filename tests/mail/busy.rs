//! Logins while the vault is being changed.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::dovecot::{Accepted, Client, Mechanism};
use super::machine::{Machine, on_each_debian};
use crate::sandbox::Sandbox;
use crate::secrecy::stock::stock;

/// How many logins each client makes.
const LOGINS: usize = 60;

#[test]
fn concurrent_changes_do_not_fail_logins() {
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
fn an_interrupted_change_is_rolled_back_at_the_next_login() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        stock(&machine.sandbox, 300);
        let vault = machine.sandbox.vault();
        let journal = vault.with_file_name("vault.db-journal");
        // More than the cache holds, so that half of the change is already in the file.
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

#[test]
fn dovecot_retries_temporary_failures() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let vault = Connection::open(machine.sandbox.vault()).unwrap();
        let mut client = Client::new(&machine);
        let mut login = || client.login(Mechanism::Plain, "shop_prod", &secret);
        assert_eq!(login(), Accepted);
        // Like a newer postkey that changes the schema: the worker's next query fails.
        let change = "BEGIN; CREATE TABLE more (x); DROP TABLE more; COMMIT";
        vault.execute_batch(change).unwrap();
        assert_eq!(login(), Accepted);
        // Each of the two asks for a second.
        vault.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let answer = thread::scope(|scope| {
            let answer = scope.spawn(login);
            thread::sleep(Duration::from_millis(1500));
            vault.execute_batch("COMMIT").unwrap();
            answer.join().unwrap()
        });
        assert_eq!(answer, Accepted);
        let errors = machine.errors();
        assert!(!errors.is_empty(), "nothing had to be asked again");
    });
}

/// Creates, deactivates, activates and deletes a key; returns the number of changes.
fn change(sandbox: &Sandbox, name: &str) -> usize {
    sandbox.generate(["smtp", name]);
    sandbox.run(["deactivate", name]).expect(0);
    sandbox.run(["activate", name]).expect(0);
    sandbox.run(["delete", "--yes", name]).expect(0);
    4
}
