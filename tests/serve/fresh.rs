//! Changes apply from the next request on, even with warm and busy servers.

mod lost;
mod model;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{ScopedJoinHandle, scope};
use std::time::{Duration, Instant};

use rusqlite::Connection as Vault;

use super::http::Connection;
use super::server::Server;
use crate::sandbox::Sandbox;

/// The number of warm connections.
const HAMMERS: usize = 4;

/// The number of changes during the load.
const ROUNDS: usize = 10_000;

fn vault(sandbox: &Sandbox) -> Vault {
    let vault = Vault::open(sandbox.vault()).unwrap();
    vault.busy_timeout(Duration::from_secs(20)).unwrap();
    // Durability does not matter in this test.
    vault.execute_batch("PRAGMA synchronous = OFF").unwrap();
    vault
}

#[test]
fn the_old_secret_is_refused_once_the_command_returns() {
    let sandbox = Sandbox::new();
    let mut secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let mut warm = Connection::open(&server.address);
    let mut ask = |secret: &str| warm.ask("GET", "/verify", &[("api-key", secret)]).status;
    let start = Instant::now();
    let mut rounds = 0;
    // A loaded machine completes few rounds in that time.
    while rounds < 3 || start.elapsed() < Duration::from_secs(5) {
        assert_eq!(ask(&secret), 200);
        sandbox.run(["deactivate", "ci"]).expect(0);
        assert_eq!(ask(&secret), 401);
        sandbox.run(["activate", "ci"]).expect(0);
        assert_eq!(ask(&secret), 200);
        let new = sandbox
            .run(["regenerate", "--yes", "ci"])
            .expect(0)
            .secret();
        assert_eq!((ask(&secret), ask(&new)), (401, 200));
        sandbox.run(["delete", "--yes", "ci"]).expect(0);
        assert_eq!(ask(&new), 401);
        secret = sandbox.generate(["api", "ci"]);
        rounds += 1;
    }
}

#[test]
fn no_answer_is_outdated_in_ten_thousand_changes() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "n0"]);
    let server = Server::start(&sandbox);
    let vault = vault(&sandbox);
    let (committed, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let headers = [("api-key", &*secret)];
    let number = |connection: &mut Connection| {
        let answer = connection.ask("GET", "/verify", &headers).expect(200);
        let name = answer.header("x-postkey-name").unwrap();
        name[1..].parse::<usize>().unwrap()
    };
    let asked = scope(|scope| {
        let hammer = || {
            let mut connection = Connection::open(&server.address);
            let mut asked = 0;
            while !is_over.load(Ordering::SeqCst) {
                let before = committed.load(Ordering::SeqCst);
                assert!(number(&mut connection) >= before);
                asked += 1;
            }
            asked
        };
        let hammers: Vec<_> = (0..HAMMERS).map(|_| scope.spawn(hammer)).collect();
        let mut connection = Connection::open(&server.address);
        let end = Ends(&is_over);
        for round in 1..=ROUNDS {
            rename(&vault, round);
            committed.store(round, Ordering::SeqCst);
            assert_eq!(number(&mut connection), round);
        }
        drop(end);
        hammers
            .into_iter()
            .map(ScopedJoinHandle::join)
            .map(Result::unwrap)
            .sum::<usize>()
    });
    assert!(asked > ROUNDS, "{asked} requests");
}

/// Stops the other threads, even if this one fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn rename(vault: &Vault, round: usize) {
    let mut rename = vault
        .prepare_cached("UPDATE keys SET name = 'n' || ?1")
        .unwrap();
    rename.execute([i64::try_from(round).unwrap()]).unwrap();
}

#[test]
fn a_deactivated_key_is_refused_on_every_warm_connection() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let vault = vault(&sandbox);
    let headers = [("api-key", &*secret)];
    let mut warm: Vec<Connection> = (0..16).map(|_| Connection::open(&server.address)).collect();
    let start = Instant::now();
    let mut rounds = 0;
    let set = |status: &str| {
        vault
            .execute("UPDATE keys SET status = ?1", [status])
            .unwrap();
    };
    let request = super::http::request("GET", "/verify", &headers);
    let mut all = |status: u16| {
        for connection in &mut warm {
            connection.send(request.as_bytes()).unwrap();
        }
        for connection in &mut warm {
            connection.answer().unwrap().expect(status);
        }
    };
    while start.elapsed() < Duration::from_secs(3) {
        set("active");
        all(200);
        set("inactive");
        all(401);
        rounds += 1;
    }
    assert!(rounds > 10, "{rounds} rounds");
}

#[test]
fn concurrent_first_uses_of_a_key_are_all_accepted() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| server.verify(&secret).expect(200));
        }
    });
    let accepted = "postkey_requests_total{path=\"/verify\",verdict=\"accepted\"}";
    assert_eq!(server.metric(accepted), 100);
    assert_eq!(server.metric("postkey_cached_secrets"), 1);
}

#[test]
fn answers_are_right_while_many_write_to_the_vault() {
    let sandbox = Sandbox::new();
    let good = sandbox.generate(["api", "good"]);
    let stopped = sandbox.generate(["api", "stopped", "--inactive"]);
    let server = Server::start(&sandbox);
    let is_over = AtomicBool::new(false);
    scope(|scope| {
        for number in 0..3 {
            let (sandbox, is_over) = (&sandbox, &is_over);
            scope.spawn(move || {
                let mut made = 0;
                while !is_over.load(Ordering::SeqCst) {
                    sandbox.generate(["api", &format!("k{number}-{made}"), "--wait", "60s"]);
                    made += 1;
                }
                assert!(made > 0);
            });
        }
        let end = Ends(&is_over);
        let mut connection = Connection::open(&server.address);
        let mut ask = |secret: &str| {
            connection
                .ask("GET", "/verify", &[("api-key", secret)])
                .status
        };
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            assert_eq!((ask(&good), ask(&stopped)), (200, 401));
        }
        drop(end);
    });
    assert_eq!(server.metric("postkey_vault_up"), 1);
    assert!(
        !server.log().contains("all requests are refused"),
        "{}",
        server.log()
    );
}
