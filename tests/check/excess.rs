//! Keys with more permission than they use.

use super::{DAY, check, found, in_usage, json, now, record_since, with_key};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::run_with_input;

const NONE: [&str; 0] = [];
const REQUIRED: &str = "[policy]\nrequire_least_permission = true";

fn request(sandbox: &Sandbox, secret: &str, method: &str, path: &str) {
    let args = ["verify", "--method", method, "--path", path];
    run_with_input(sandbox, &args, secret).expect(0);
}

#[test]
fn it_is_found_only_if_the_settings_require_it() {
    let sandbox = with_key("ci");
    let secret = sandbox.generate(["api", "web"]);
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
    let secret = sandbox.generate(["api", "web"]);
    request(&sandbox, &secret, "GET", "/v3/contacts");
    assert_eq!(found(&sandbox, &[]), ["web excess-permission"]);
    // A day on which a write was accepted by a postkey that did not record its rule.
    let before = "INSERT INTO days VALUES (2, ?1, 'accepted', 1, ?1 * 86400)";
    in_usage(&sandbox, before, [now() / DAY - 29]);
    assert_eq!(found(&sandbox, &[]), NONE);
    in_usage(
        &sandbox,
        "UPDATE days SET day = day - 1 WHERE key_id = 2 AND day = ?1",
        [now() / DAY - 29],
    );
    assert_eq!(found(&sandbox, &[]), ["web excess-permission"]);
    run_with_input(&sandbox, &["verify"], &secret).expect(0);
    assert_eq!(found(&sandbox, &[]), NONE);
}

#[test]
fn a_record_that_is_too_young_finds_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "web"]);
    record_since(&sandbox, now() - 20 * DAY);
    sandbox.settings(REQUIRED);
    request(&sandbox, &secret, "GET", "/");
    assert_eq!(found(&sandbox, &["--unused", "never"]), NONE);
}
