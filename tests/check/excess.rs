//! Keys with more permission than they use.

use rusqlite::Connection;

use super::{DAY, check, found, in_usage, in_vault, json, now, record_since, with_key};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::run_with_input;

const NONE: [&str; 0] = [];
const REQUIRED: &str = "[policy]\nrequire_least_permission = true";

fn request(sandbox: &Sandbox, secret: &str, method: &str, path: &str) {
    let args = ["verify", "--method", method, "--path", path];
    run_with_input(sandbox, &args, secret).expect(0);
}

/// Creates a key 90 days ago, and returns its secret.
fn old_key(sandbox: &Sandbox) -> String {
    let secret = sandbox.generate(["api", "web"]);
    for change in [
        "UPDATE log SET at = at - ?1 WHERE key = 'web'",
        "UPDATE keys SET created_at = created_at - ?1 WHERE name = 'web'",
    ] {
        assert_ne!(in_vault(sandbox, change, [90 * DAY]), 0);
    }
    crate::ledger::reseal(&Connection::open(sandbox.vault()).unwrap());
    secret
}

#[test]
fn it_is_found_only_if_the_settings_require_it() {
    let sandbox = with_key("ci");
    let secret = old_key(&sandbox);
    let idle = sandbox.generate(["api", "reports", "--permission", "read-only"]);
    for path in ["/v3/contacts", "/x"] {
        request(&sandbox, &secret, "GET", path);
        request(&sandbox, &idle, "GET", path);
    }
    assert_eq!(found(&sandbox, &[]), NONE);
    sandbox.settings(REQUIRED);
    let findings = json(&sandbox, &[]);
    assert_eq!(findings.len(), 1, "{findings:?}");
    let finding = &findings[0];
    assert_eq!(
        (&finding["name"], &finding["finding"]),
        (&"web".into(), &"excess-permission".into())
    );
    let message = "has full, but read-only allows all 2 requests of the last 30 days";
    assert_eq!(finding["message"], message);
    let hint = finding["hint"].as_str().unwrap();
    assert_eq!(hint, "postkey set web --permission read-only --dry-run");
    let args: Vec<_> = hint.split(' ').skip(1).collect();
    let run = check(&sandbox, &args).expect(0);
    assert!(run.stderr.contains("refused none of 2 requests"), "{run:?}");
    let args = ["set", "web", "--permission", "read-only"];
    check(&sandbox, &args).expect(0);
    assert_eq!(found(&sandbox, &[]), NONE);
}

#[test]
fn use_that_is_not_wholly_known_finds_nothing() {
    let sandbox = with_key("ci");
    sandbox.settings(REQUIRED);
    let secret = old_key(&sandbox);
    request(&sandbox, &secret, "GET", "/v3/contacts");
    assert_eq!(found(&sandbox, &[]), ["web excess-permission"]);
    run_with_input(&sandbox, &["verify"], &secret).expect(0);
    assert_eq!(found(&sandbox, &[]), NONE);
}

#[test]
fn a_record_that_is_too_young_finds_nothing() {
    let sandbox = Sandbox::new();
    let secret = old_key(&sandbox);
    record_since(&sandbox, now() - 20 * DAY);
    sandbox.settings(REQUIRED);
    request(&sandbox, &secret, "GET", "/");
    assert_eq!(found(&sandbox, &["--unused", "never"]), NONE);
    let run = check(&sandbox, &["check", "--unused", "never"]).expect(0);
    let told = ": permissions that are not needed are reported after 30 days of it\n";
    assert!(run.stderr.contains(told), "{run:?}");
}

#[test]
fn a_new_key_and_one_with_a_new_permission_find_nothing() {
    let sandbox = with_key("ci");
    sandbox.settings(REQUIRED);
    let new = sandbox.generate(["api", "new"]);
    request(&sandbox, &new, "GET", "/");
    assert_eq!(found(&sandbox, &[]), NONE);
    let old = old_key(&sandbox);
    request(&sandbox, &old, "GET", "/v3/contacts");
    assert_eq!(found(&sandbox, &[]), ["web excess-permission"]);
    for permission in ["send-only", "full"] {
        check(&sandbox, &["set", "web", "--permission", permission]).expect(0);
    }
    assert_eq!(found(&sandbox, &[]), NONE);
}

#[test]
fn a_repair_is_not_undone() {
    let sandbox = with_key("ci");
    sandbox.settings(REQUIRED);
    let secret = old_key(&sandbox);
    request(&sandbox, &secret, "GET", "/");
    assert_eq!(found(&sandbox, &[]), ["web excess-permission"]);
    let refused = "INSERT INTO days VALUES (?1, ?2, 'permission-missing', 3, ?2 * 86400)";
    let key = super::number(&sandbox, "web");
    in_usage(&sandbox, refused, [key, now() / DAY - 20]);
    assert_eq!(found(&sandbox, &[]), NONE);
    let args = ["set", "web", "--permission", "read-only", "--dry-run"];
    let run = check(&sandbox, &args).expect(0);
    let told = "; 3 other requests were refused for lack of permission\n";
    assert!(run.stderr.contains(told), "{run:?}");
}
