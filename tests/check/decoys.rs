//! Uses of decoys.

use super::{Sandbox, found};
use crate::clock::at;

/// A decoy, and its secret.
fn planted() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "other"]);
    let secret = sandbox.generate(["api", "k", "--decoy"]);
    (sandbox, secret)
}

fn present(sandbox: &Sandbox, secret: &str, address: &str) {
    let verify = ["verify", "--ip", address];
    sandbox.run_with_input(verify, secret.as_bytes()).expect(1);
}

#[test]
fn use_of_a_decoy_is_reported_for_a_week_with_its_address() {
    let (sandbox, secret) = planted();
    assert_eq!(found(&sandbox, &[]), [""; 0]);
    for _ in 0..3 {
        present(&sandbox, &secret, "203.0.113.66");
    }
    assert_eq!(found(&sandbox, &[]), ["k decoy-used"]);
    assert_eq!(found(&sandbox, &["k"]), ["k decoy-used"]);
    assert_eq!(found(&sandbox, &["other"]), [""; 0]);
    let check = sandbox.run(["check", "--format", "json"]).expect(1).json();
    let message = check[0]["message"].as_str().unwrap();
    let said = "a decoy; its secret was presented 3 times, most recently ";
    assert!(message.starts_with(said), "{message}");
    assert!(message.ends_with(" from 203.0.113.66"), "{message}");
    assert_eq!(check[0]["hint"], "postkey usage k");
    at(&sandbox, "+8d", &["check"]).expect(0);
}

#[test]
fn decoys_have_no_other_findings() {
    let (sandbox, secret) = planted();
    sandbox.run(["delete", "--yes", "other"]).expect(0);
    present(&sandbox, &secret, "203.0.113.66");
    at(&sandbox, "+300d", &["check"]).expect(0);
    let calendar = sandbox.run(["check", "--format", "ics"]).expect(0);
    assert!(!calendar.stdout.contains("VEVENT"), "{calendar:?}");
    sandbox.settings("[defaults]\nexpires = \"30d\"\n");
    sandbox.generate(["api", "late", "--decoy"]);
    assert_eq!(sandbox.show("late")["expires_at"], serde_json::Value::Null);
}

#[test]
fn a_regenerated_decoy_has_a_dead_old_secret() {
    let (sandbox, first) = planted();
    present(&sandbox, &first, "203.0.113.66");
    let regenerate = sandbox.run(["regenerate", "--yes", "k"]).expect(0);
    assert!(!regenerate.stderr.contains("warning"), "{regenerate:?}");
    let second = regenerate.secret();
    assert_eq!(found(&sandbox, &[]), ["k decoy-used"]);
    assert_eq!(sandbox.verify(&first).0, "replaced");
    assert_eq!(sandbox.verify(&second).0, "decoy");
    let mut both = found(&sandbox, &[]);
    both.sort();
    assert_eq!(both, ["k dead-secret-used", "k decoy-used"]);
    sandbox.run(["delete", "--yes", "k"]).expect(0);
    assert_eq!(sandbox.verify(&second).0, "deleted");
    assert_eq!(found(&sandbox, &[]), ["k dead-secret-used"]);
}
