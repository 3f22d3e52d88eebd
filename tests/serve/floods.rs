//! Floods of wrong secrets.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::http::{Connection, request};
use super::lookalikes::Lookalikes;
use super::server::Server;
use crate::ledger::make_older;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;

/// The number of connections of the flood.
const FLOODING: usize = 200;

/// The maximum memory that it may cost, in KiB; hashes alone take 19 MiB each.
const MEMORY: u64 = 150_000;

const MISMATCHES: &str = "postkey_requests_total{path=\"/verify\",verdict=\"mismatch\"}";

#[test]
fn a_flood_with_a_keys_tail_delays_nobody() {
    let sandbox = Sandbox::new();
    let target = sandbox.generate(["api", "target"]);
    let other = sandbox.generate(["api", "other"]);
    let server = Server::start(&sandbox);
    let hits = flooded(&server, &target, || {
        let before = server.metric(MISMATCHES);
        server.verify(&target).expect(200);
        server.verify(&other).expect(200);
        server.metric(MISMATCHES) - before
    });
    // Each waits for those in progress, and no longer.
    assert!(hits < 20 * FLOODING as i64, "they waited for {hits} others");
}

#[test]
fn a_flood_only_delays_secrets_without_digests() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "old"]);
    let new = sandbox.generate(["api", "new"]);
    make_older(&sandbox, &old);
    let server = Server::start(&sandbox);
    let hashed = flooded(&server, &old, || {
        let before = server.metric(MISMATCHES);
        for _ in 0..20 {
            server.verify(&new).expect(200);
        }
        server.metric(MISMATCHES) - before
    });
    assert!(hashed < 20, "they waited for {hashed} hashes");
    // Earlier requests are hashed first, which may exceed a gateway's timeout.
    wait_for("the old secret", || server.verify(&old).status == 200);
    wait_for("its digest", || !is_older(&sandbox, &old));
    server.verify(&old).expect(200);
    sandbox.run(["doctor"]).expect(0);
}

fn is_older(sandbox: &Sandbox, secret: &str) -> bool {
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let query = "SELECT digest IS NULL FROM secrets WHERE tail = ?1";
    let tail = &secret[secret.len() - 16..];
    vault.query_row(query, [tail], |row| row.get(0)).unwrap()
}

/// Runs something during a flood of wrong secrets with the tail of `target`, in bounded memory.
fn flooded<T>(server: &Server, target: &str, work: impl FnOnce() -> T) -> T {
    let forged: Vec<String> = Lookalikes::of(target).take(20_000).collect();
    let is_over = AtomicBool::new(false);
    let outcome = thread::scope(|scope| {
        for share in forged.chunks(forged.len() / FLOODING) {
            scope.spawn(|| flood(&server.address, share, &is_over));
        }
        wait_for("a flood", || server.metric(MISMATCHES) > 5);
        let outcome = work();
        is_over.store(true, Ordering::SeqCst);
        outcome
    });
    let status = fs::read_to_string(format!("/proc/{}/status", server.daemon.0.id())).unwrap();
    let mut lines = status.lines();
    let line = lines.find(|line| line.starts_with("VmHWM")).unwrap();
    let most: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(most < MEMORY, "{most} KiB");
    outcome
}

fn flood(address: &str, secrets: &[String], is_over: &AtomicBool) {
    let mut connection = Connection::open(address);
    for secret in secrets {
        let head = request("GET", "/verify", &[("api-key", secret)]);
        connection.send(head.as_bytes()).unwrap();
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        // The flooding client may be delayed as long as necessary.
        let Ok(answer) = connection.answer() else {
            return;
        };
        assert!(matches!(answer.status, 401 | 503), "{}", answer.status);
    }
}
