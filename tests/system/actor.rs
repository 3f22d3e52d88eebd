//! The actor in the log.

use rusqlite::Connection;

use crate::sandbox::{Run, Sandbox};

/// Describes a key in an environment that claims to be from sudo.
fn describe_as(sandbox: &Sandbox, claim: &str) {
    let mut command = sandbox.command(["describe", "ci", claim]);
    Run::of(command.env("SUDO_USER", claim).output().unwrap()).expect(0);
}

#[test]
fn a_sudo_user_whom_only_the_environment_names_is_logged_as_a_claim() {
    let login = std::fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    let is_known = !["", "4294967295"].contains(&login.trim());
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    describe_as(&sandbox, "mallory");
    describe_as(&sandbox, ":root");
    let log = sandbox.run(["log", "--format", "jsonl"]).expect(0).stdout;
    let text = sandbox.run(["log"]).expect(0).stdout;
    assert!(!log.contains("\"sudo_user\":\":"), "{log}");
    assert!(!text.contains("mallory as "), "{text}");
    if is_known {
        // The kernel knows better.
        assert!(!log.contains("\"sudo_user\":\"mallory\""), "{log}");
    } else {
        assert!(
            log.contains("\"sudo_user\":\"mallory\",\"sudo_user_verified\":false"),
            "{log}"
        );
        assert!(text.contains(" (SUDO_USER=mallory)"), "{text}");
        assert!(!log.contains("\"sudo_user_verified\":true"), "{log}");
    }
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn a_sudo_user_confirmed_by_the_kernel_is_shown_as_a_fact() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let vault = Connection::open(sandbox.vault()).unwrap();
    vault
        .execute_batch("UPDATE log SET sudo_user = ':alice', user = 'root', host = 'h'")
        .unwrap();
    let log = sandbox.run(["log", "--format", "jsonl"]).expect(0).stdout;
    assert!(
        log.contains("\"sudo_user\":\"alice\",\"sudo_user_verified\":true"),
        "{log}"
    );
    let text = sandbox.run(["log"]).expect(0).stdout;
    assert!(text.contains("alice as root@h"), "{text}");
}
