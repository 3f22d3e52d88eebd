//! The ends of a rotation: finished, aborted, timed out, regenerated, deleted, dropped.

use super::{end_grace, rotate, rotating, secrets, tail, verdicts};
use crate::sandbox::Sandbox;

#[test]
fn a_finished_rotation_leaves_the_new_secret_and_an_aborted_one_the_old() {
    for (flag, old_is, new_is) in [
        ("--finish", "retired", "accepted"),
        ("--abort", "accepted", "replaced"),
    ] {
        let sandbox = Sandbox::new();
        let (old, new) = rotating(&sandbox);
        rotate(&sandbox, &[flag, "--yes"]).expect(0);
        assert_eq!(verdicts(&sandbox, &old, &new), [old_is, new_is], "{flag}");
        let key = sandbox.show("ci");
        let left = if flag == "--abort" { &old } else { &new };
        assert_eq!(key["tail"], tail(left), "{flag}");
        assert_eq!(key["status"], "active", "{flag}");
        assert_eq!(key["secrets"].as_array().unwrap().len(), 1, "{flag}");
        assert_eq!(key["secrets"][0]["retires_at"], serde_json::Value::Null);
        sandbox.run(["log", "verify"]).expect(0);
    }
}

#[test]
fn ending_a_rotation_requires_confirmation() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    for flag in ["--finish", "--abort"] {
        let refused = rotate(&sandbox, &[flag]).expect(2);
        assert!(refused.stderr.contains("pass --yes"), "{refused:?}");
        rotate(&sandbox, &[flag, "--grace", "1h"]).expect(2);
    }
    rotate(&sandbox, &["--finish", "--abort", "--yes"]).expect(2);
    assert_eq!(verdicts(&sandbox, &old, &new), ["accepted", "accepted"]);
}

#[test]
fn a_rotation_that_ended_is_finished_and_cannot_be_aborted() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    end_grace(&sandbox);
    let refused = rotate(&sandbox, &["--abort", "--yes"]).expect(1);
    assert!(refused.stderr.contains("retired"), "{refused:?}");
    assert!(refused.stderr.contains("cannot abort"), "{refused:?}");
    let finished = rotate(&sandbox, &["--finish"]).expect(0);
    assert!(
        finished.stderr.contains("has already retired"),
        "{finished:?}"
    );
    assert_eq!(verdicts(&sandbox, &old, &new), ["retired", "accepted"]);
    assert_eq!(secrets(&sandbox), 1);
}

#[test]
fn a_key_that_is_not_being_rotated_has_nothing_to_finish_or_abort() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let refused = rotate(&sandbox, &["--abort", "--yes"]).expect(1);
    assert!(
        refused
            .stderr
            .contains("is not being rotated: cannot abort"),
        "{refused:?}"
    );
    rotate(&sandbox, &["--finish"]).expect(0);
    let run = sandbox.run(["rotate", "--finish", "ci", "--format", "json"]);
    assert_eq!(run.expect(0).json()[0]["tail"], tail(&secret));
    for flag in ["--finish", "--abort"] {
        sandbox.run(["rotate", flag, "--yes", "missing"]).expect(3);
    }
    sandbox.run(["rotate", "missing"]).expect(3);
    assert_eq!(sandbox.verify(&secret).1, 0);
}

#[test]
fn a_regenerated_key_has_its_newest_secret_only() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    let run = sandbox.run(["regenerate", "--yes", "ci"]).expect(0);
    for stopped in [&old, &new] {
        let shown = format!("…{}", &stopped[stopped.len() - 4..]);
        assert!(run.stderr.contains(&shown), "{run:?}");
    }
    assert_eq!(verdicts(&sandbox, &old, &new), ["replaced", "replaced"]);
    assert_eq!(sandbox.verify(&run.secret()).1, 0);
    assert_eq!(sandbox.show("ci")["status"], "active");
    rotate(&sandbox, &["--abort", "--yes"]).expect(1);
}

#[test]
fn deactivate_activate_and_delete_apply_to_both_secrets() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    sandbox.run(["deactivate", "ci"]).expect(0);
    assert_eq!(verdicts(&sandbox, &old, &new), ["inactive", "inactive"]);
    rotate(&sandbox, &[]).expect(4);
    sandbox.run(["activate", "ci"]).expect(0);
    assert_eq!(verdicts(&sandbox, &old, &new), ["accepted", "accepted"]);
    sandbox.run(["delete", "--yes", "ci"]).expect(0);
    assert_eq!(verdicts(&sandbox, &old, &new), ["deleted", "deleted"]);
    assert_eq!(secrets(&sandbox), 0);
}

#[test]
fn a_secret_that_retired_while_its_key_was_inactive_stays_retired() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    sandbox.run(["deactivate", "ci"]).expect(0);
    end_grace(&sandbox);
    sandbox.run(["activate", "ci"]).expect(0);
    assert_eq!(verdicts(&sandbox, &old, &new), ["retired", "accepted"]);
}

#[test]
fn an_inactive_key_can_be_rotated_finished_and_aborted() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci", "--inactive"]);
    let run = rotate(&sandbox, &[]).expect(0);
    assert!(run.stderr.contains("`ci` is inactive"), "{run:?}");
    assert_eq!(sandbox.show("ci")["status"], "inactive");
    rotate(&sandbox, &["--abort", "--yes"]).expect(0);
    let new = rotate(&sandbox, &[]).expect(0).secret();
    rotate(&sandbox, &["--finish", "--yes"]).expect(0);
    assert_eq!(sandbox.verify(&new).0, "inactive");
    sandbox.run(["activate", "ci"]).expect(0);
    assert_eq!(sandbox.verify(&new).0, "accepted");
}

#[test]
fn retired_secrets_are_removed_on_request_only() {
    for (args, left) in [
        (&["describe", "ci", "something"][..], 3),
        (&["generate", "api", "new"], 4),
        (&["rotate", "ci"], 3),
        (&["rotate", "--finish", "ci"], 2),
        (&["regenerate", "ci", "--yes"], 2),
        (&["delete", "ci", "--yes"], 1),
    ] {
        let sandbox = Sandbox::new();
        sandbox.generate(["api", "other"]);
        let (old, new) = rotating(&sandbox);
        end_grace(&sandbox);
        assert_eq!(verdicts(&sandbox, &old, &new), ["retired", "accepted"]);
        let run = sandbox.command(args.iter().copied()).output().unwrap();
        assert!(run.status.success(), "{run:?}");
        assert_eq!(secrets(&sandbox), left, "{args:?}");
        sandbox.run(["log", "verify"]).expect(0);
        sandbox.run(["doctor"]).expect(0);
    }
}
