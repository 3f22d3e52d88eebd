//! Uses of dead secrets.

use super::{Sandbox, found};
use crate::clock::at;
use crate::sandbox::Run;

/// A key with a dead secret, which was presented afterwards.
fn presented(last: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "other"]);
    let secret = sandbox.generate(["api", "k"]);
    Run::of(sandbox.command(last.iter().copied()).output().unwrap()).expect(0);
    for address in ["203.0.113.66", "203.0.113.67"] {
        let verify = ["verify", "--ip", address];
        sandbox.run_with_input(verify, secret.as_bytes()).expect(1);
    }
    sandbox
}

#[test]
fn use_of_a_dead_secret_is_reported_for_a_week() {
    let sandbox = presented(&["regenerate", "--yes", "k"]);
    assert_eq!(found(&sandbox, &[]), ["k dead-secret-used"]);
    assert_eq!(found(&sandbox, &["k"]), ["k dead-secret-used"]);
    assert_eq!(found(&sandbox, &["other"]), [""; 0]);
    let check = sandbox.run(["check", "--format", "json"]).expect(1).json();
    let message = check[0]["message"].as_str().unwrap();
    // Either of two addresses in one second may be the last.
    let said = "an old secret was presented 2 times, most recently ";
    assert!(message.starts_with(said), "{message}");
    assert!(message.contains(" from 203.0.113.6"), "{message}");
    assert_eq!(check[0]["hint"], "postkey show k");
    sandbox.run(["deactivate", "k"]).expect(0);
    assert_eq!(found(&sandbox, &[]), ["k dead-secret-used"]);
    at(&sandbox, "+8d", &["check"]).expect(0);
}

#[test]
fn use_of_deleted_keys_secrets_is_reported_until_they_are_forgotten() {
    let sandbox = presented(&["delete", "--yes", "k"]);
    assert_eq!(found(&sandbox, &[]), ["k dead-secret-used"]);
    let check = sandbox.run(["check", "--format", "csv"]).expect(1);
    assert!(
        check
            .stdout
            .contains("deleted; its secret was presented 2 times"),
        "{check:?}"
    );
    assert!(check.stdout.ends_with("postkey log k\r\n"), "{check:?}");
    let calendar = sandbox.run(["check", "--format", "ics"]).expect(0);
    assert!(!calendar.stdout.contains("dead"), "{calendar:?}");
    sandbox.run(["log", "k"]).expect(0);
    let sandbox = presented(&["delete", "--yes", "--forget", "k"]);
    assert_eq!(found(&sandbox, &[]), [""; 0]);
}
