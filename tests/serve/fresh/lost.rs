//! A vault that cannot be read: nothing is accepted until it can.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::Duration;

use rusqlite::Connection as Vault;

use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;
use crate::serve::recording::{ACCEPTED, recorded};
use crate::serve::server::Server;

#[test]
fn without_its_vault_it_accepts_nothing_and_then_recovers() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    server.verify(&secret).expect(200);
    let away = sandbox.home().join("away.db");
    for _ in 0..3 {
        fs::rename(sandbox.vault(), &away).unwrap();
        // A removal may be noticed a millisecond later.
        sleep(Duration::from_millis(5));
        server.verify(&secret).expect(503);
        server.ask("GET", "/healthz", &[]).expect(503);
        assert_eq!(server.metric("postkey_vault_up"), 0);
        fs::rename(&away, sandbox.vault()).unwrap();
        server.verify(&secret).expect(200);
        server.ask("GET", "/healthz", &[]).expect(200);
    }
    let log = server.stop();
    assert_eq!(
        log.matches("all requests are refused until it can be read")
            .count(),
        3,
        "{log}"
    );
    assert_eq!(
        log.matches("the vault can be read again").count(),
        3,
        "{log}"
    );
}

#[test]
fn a_replaced_vault_is_used_at_once() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    server.verify(&secret).expect(200);
    let other = Sandbox::new();
    let others = other.generate(["api", "ci"]);
    // Copied over the existing file, as a careless user would.
    fs::rename(other.vault(), sandbox.vault()).unwrap();
    sleep(Duration::from_millis(5));
    server.verify(&secret).expect(401);
    server.verify(&others).expect(200);
    // Its use is recorded separately from the other vault's.
    wait_for("the new vault's use", || {
        recorded(&sandbox, ACCEPTED) == Some(1)
    });
    let list = sandbox.run(["list"]).expect(0);
    assert_eq!(list.stderr, "", "{list:?}");
}

#[test]
fn a_vault_overwritten_by_another_is_read_as_that_other() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let other = Sandbox::new();
    other.generate(["api", "ci"]);
    fs::copy(sandbox.vault(), other.vault()).unwrap();
    // The same number of changes to each, so that the counters are equal.
    other.run(["deactivate", "ci"]).expect(0);
    sandbox.run(["describe", "ci", "mine"]).expect(0);
    let server = Server::start(&sandbox);
    server.verify(&secret).expect(200);
    let mine = fs::read(sandbox.vault()).unwrap();
    fs::copy(other.vault(), sandbox.vault()).unwrap();
    sleep(Duration::from_millis(50));
    server.verify(&secret).expect(401);
    fs::write(sandbox.vault(), &mine).unwrap();
    sleep(Duration::from_millis(50));
    server.verify(&secret).expect(200);
    // Truncated after its header, it says as little as without one.
    fs::write(sandbox.vault(), &mine[..4096]).unwrap();
    sleep(Duration::from_millis(50));
    server.verify(&secret).expect(503);
    fs::write(sandbox.vault(), &mine).unwrap();
    sleep(Duration::from_millis(50));
    server.verify(&secret).expect(200);
    fs::set_permissions(sandbox.vault(), fs::Permissions::from_mode(0o644)).unwrap();
    sleep(Duration::from_millis(50));
    server.verify(&secret).expect(503);
}

#[test]
fn an_emptied_vault_accepts_nothing_and_crashes_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    server.verify(&secret).expect(200);
    let mine = fs::read(sandbox.vault()).unwrap();
    for _ in 0..3 {
        fs::write(sandbox.vault(), "").unwrap();
        // At once: truncation is noticed before the file's times are checked.
        server.verify(&secret).expect(503);
        sleep(Duration::from_millis(5));
        server.verify(&secret).expect(503);
        fs::write(sandbox.vault(), &mine).unwrap();
        sleep(Duration::from_millis(50));
        server.verify(&secret).expect(200);
    }
    sandbox.run(["deactivate", "ci"]).expect(0);
    server.verify(&secret).expect(401);
}

#[test]
fn an_unsafe_vault_accepts_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    server.verify(&secret).expect(200);
    let change = |sql: &str| {
        let vault = Vault::open(sandbox.vault()).unwrap();
        vault.execute_batch(sql).unwrap();
    };
    // Its changes would no longer be visible in the file.
    change("PRAGMA journal_mode = WAL");
    server.verify(&secret).expect(503);
    change("PRAGMA journal_mode = DELETE");
    server.verify(&secret).expect(200);
    let vault = Vault::open(sandbox.vault()).unwrap();
    let version = |row: &rusqlite::Row| row.get::<_, i64>(0);
    let version = vault.query_row("PRAGMA user_version", [], version).unwrap();
    change("PRAGMA user_version = 99");
    server.verify(&secret).expect(503);
    change(&format!("PRAGMA user_version = {version}"));
    server.verify(&secret).expect(200);
    fs::write(sandbox.vault(), "this is no vault").unwrap();
    server.verify(&secret).expect(503);
}

#[test]
fn a_long_locked_vault_accepts_only_cached_verdicts() {
    let sandbox = Sandbox::new();
    let [first, cached] = ["first", "cached"].map(|name| sandbox.generate(["api", name]));
    let address = format!("{}:17625", crate::serve::server::loopback());
    let command = sandbox.command(["serve", "--wait", "1s", "--listen", &address]);
    let server = Server::of(&sandbox, command, &address);
    let secret = sandbox.generate(["api", "ci"]);
    server.verify(&cached).expect(200);
    let vault = Vault::open(sandbox.vault()).unwrap();
    vault.execute_batch("BEGIN EXCLUSIVE").unwrap();
    server.verify(&cached).expect(200);
    // Cached at the start, but the vault has been changed since.
    server.verify(&first).expect(503);
    server.verify(&secret).expect(503);
    vault.execute_batch("ROLLBACK").unwrap();
    server.verify(&first).expect(200);
    server.verify(&secret).expect(200);
}

#[test]
fn a_key_is_refused_from_the_second_in_which_it_expires() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--expires", "3s"]);
    let ends = sandbox.show("ci")["expires_at"]
        .as_str()
        .unwrap()
        .to_owned();
    let ends: jiff::Timestamp = ends.parse().unwrap();
    let server = Server::start(&sandbox);
    loop {
        let before = jiff::Timestamp::now();
        let status = server.verify(&secret).status;
        let after = jiff::Timestamp::now();
        match status {
            200 => assert!(before < ends, "accepted at {before}"),
            _ => assert!(after >= ends, "refused at {after}"),
        }
        if status == 401 {
            break;
        }
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_damaged_key_is_refused_and_named_and_no_other_is() {
    for damage in [
        "UPDATE secrets SET digest = NULL, hash = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA'
         WHERE key_id = 1",
        "UPDATE secrets SET digest = NULL, hash = '' WHERE key_id = 1",
        "UPDATE secrets SET digest = NULL, hash = x'00ff' WHERE key_id = 1",
        "UPDATE secrets SET digest = NULL, hash = NULL WHERE key_id = 1",
        "UPDATE secrets SET digest = x'00ff' WHERE key_id = 1",
        "UPDATE keys SET request_limit = 'often' WHERE id = 1",
        "UPDATE keys SET permission = '*' WHERE id = 1",
    ] {
        let sandbox = Sandbox::new();
        let damaged = sandbox.generate(["api", "damaged"]);
        let warm = sandbox.generate(["api", "warm"]);
        let cold = sandbox.generate(["api", "cold"]);
        let server = Server::start(&sandbox);
        server.verify(&warm).expect(200);
        let vault = Vault::open(sandbox.vault()).unwrap();
        let change = format!("PRAGMA ignore_check_constraints = ON; {damage}");
        vault.execute_batch(&change).unwrap();
        for _ in 0..3 {
            assert_ne!(server.verify(&damaged).status, 200, "{damage}");
            server.verify(&warm).expect(200);
            server.verify(&cold).expect(200);
            server.ask("GET", "/healthz", &[]).expect(200);
            assert_eq!(server.metric("postkey_vault_up"), 1);
        }
        let (verdict, status) = (sandbox.run_with_input(["verify"], damaged.as_bytes()), 5);
        assert_eq!(verdict.status, status, "{damage}: {verdict:?}");
        assert!(
            verdict.stderr.contains("the key `damaged` is damaged: "),
            "{verdict:?}"
        );
        let log = server.stop();
        assert_eq!(
            log.matches("the key `damaged` is damaged: ").count(),
            1,
            "{log}"
        );
        assert!(!log.contains("all requests are refused"), "{log}");
        // A violation of the schema blocks changes to the whole vault.
        if damage.contains("hash = '$") {
            let doctor = sandbox.run(["doctor"]);
            assert!(doctor.stdout.contains("`damaged`"), "{doctor:?}");
            // The suggested command works.
            assert!(doctor.stdout.contains("postkey delete NAME"), "{doctor:?}");
            sandbox.run(["delete", "--yes", "damaged"]).expect(0);
            sandbox.run(["doctor"]).expect(0);
        }
    }
}
