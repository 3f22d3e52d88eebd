//! A vault locked by others: all requests wait together, not one after another.

use std::thread::scope;
use std::time::{Duration, Instant};

use rusqlite::Connection as Vault;

use super::server::{Server, loopback};
use crate::sandbox::Sandbox;

/// How long a locked vault is waited for.
const WAIT: Duration = Duration::from_secs(4);

#[test]
fn requests_share_one_wait_for_a_locked_vault() {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (1..=10).map(|number| format!("k{number}")).collect();
    sandbox.generate(["api", "first"]);
    let address = format!("{}:17625", loopback());
    let command = sandbox.command(["serve", "--wait", "4s", "--listen", &address]);
    let server = Server::of(&sandbox, command, &address);
    // Secrets cached at the start need not be read again.
    let secrets = Vec::from_iter(names.iter().map(|name| sandbox.generate(["api", name])));
    let vault = Vault::open(sandbox.vault()).unwrap();
    vault.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let start = Instant::now();
    scope(|scope| {
        for secret in &secrets {
            let server = &server;
            scope.spawn(move || server.verify(secret).expect_refusal(503));
        }
        while start.elapsed() < WAIT / 2 {
            let asked = Instant::now();
            server.ask("GET", "/healthz", &[]).expect(503);
            assert!(
                asked.elapsed() < Duration::from_secs(2),
                "{:?}",
                asked.elapsed()
            );
        }
    });
    let took = start.elapsed();
    assert!((WAIT..2 * WAIT).contains(&took), "{took:?}");
    // Later requests find out at once.
    let asked = Instant::now();
    server.verify(&secrets[0]).expect_refusal(503);
    assert!(asked.elapsed() < WAIT / 2, "{:?}", asked.elapsed());
    vault.execute_batch("ROLLBACK").unwrap();
    server.ask("GET", "/healthz", &[]).expect(200);
    for secret in secrets {
        server.verify(&secret).expect(200);
    }
    assert_eq!(server.metric("postkey_vault_up"), 1);
}

#[test]
fn a_lock_that_ends_in_time_is_waited_for() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let vault = Vault::open(sandbox.vault()).unwrap();
    for _ in 0..2 {
        vault.execute_batch("BEGIN EXCLUSIVE").unwrap();
        scope(|scope| {
            scope.spawn(|| server.verify(&secret).expect(200));
            std::thread::sleep(Duration::from_secs(1));
            // The counter changes, so that the next one must be looked up, too.
            vault
                .execute_batch("UPDATE keys SET description = 'x'; COMMIT")
                .unwrap();
        });
    }
}
