//! Which policy applies: from the command line, the key, or the settings.

use std::fs;

use super::{DAY, age, check, found, in_vault, now, use_at, with_key};
use crate::sandbox::Sandbox;

const NONE: [&str; 0] = [];

#[test]
fn flags_override_a_keys_policy_which_overrides_the_settings() {
    let sandbox = with_key("ci");
    use_at(&sandbox, "ci", now() - 10 * DAY, 1);
    age(&sandbox, "ci", 50 * DAY);
    assert_eq!(found(&sandbox, &[]), NONE);
    sandbox.settings("[policy]\nrotate_every = \"40d\"\nunused = \"9d\"");
    assert_eq!(found(&sandbox, &[]), ["ci rotation-due", "ci unused"]);
    set(
        &sandbox,
        &["--rotate-every", "60d", "--unused-after", "never"],
    );
    assert_eq!(found(&sandbox, &[]), NONE);
    assert_eq!(
        found(&sandbox, &["--older-than", "50d"]),
        ["ci rotation-due"]
    );
    assert_eq!(found(&sandbox, &["--unused", "5d"]), ["ci unused"]);
    set(&sandbox, &["--rotate-every", "50d"]);
    assert_eq!(found(&sandbox, &[]), ["ci rotation-due"]);
    assert_eq!(found(&sandbox, &["--older-than", "never"]), NONE);
    set(
        &sandbox,
        &["--rotate-every", "policy", "--unused-after", "policy"],
    );
    assert_eq!(found(&sandbox, &[]), ["ci rotation-due", "ci unused"]);
}

#[test]
fn the_settings_can_turn_each_rule_off() {
    let sandbox = with_key("ci");
    age(&sandbox, "ci", 999 * DAY);
    sandbox.run(["set", "ci", "--expires", "1d"]).expect(0);
    assert_eq!(found(&sandbox, &[]).len(), 3);
    for (setting, left) in [("expiring", 2), ("rotate_every", 2), ("unused", 2)] {
        sandbox.settings(&format!("[policy]\n{setting} = \"never\""));
        assert_eq!(found(&sandbox, &[]).len(), left, "{setting}");
    }
    sandbox.settings("[policy]\nunused = \"soon\"");
    let run = check(&sandbox, &["check"]).expect(5);
    assert!(
        run.stderr.contains("`soon` is not a rule's time"),
        "{run:?}"
    );
}

#[test]
fn the_settings_can_require_an_expiry_and_a_limit() {
    let sandbox = with_key("ci");
    for (policy, [expires, limit], expected) in [
        ("", ["never", "none"], &NONE[..]),
        (
            "require_expiry = true",
            ["never", "none"],
            &["ci no-expiry"],
        ),
        (
            "max_lifetime = \"90d\"",
            ["91d", "none"],
            &["ci long-lived"],
        ),
        ("require_limit = true", ["never", "none"], &["ci no-limit"]),
        ("require_limit = true", ["never", "5/hour"], &NONE),
    ] {
        sandbox.settings(&format!("[policy]\n{policy}"));
        set(&sandbox, &["--expires", expires, "--limit", limit]);
        assert_eq!(found(&sandbox, &[]), expected, "{policy} {expires} {limit}");
    }
}

#[test]
fn a_policy_change_is_reported_and_logged_in_one_entry() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let args = [
        "set",
        "ci",
        "--rotate-every",
        "30d",
        "--unused-after",
        "never",
    ];
    let run = check(&sandbox, &[&args[..], &["--limit", "5/day"]].concat()).expect(0);
    let told = "limit none → 5/day, rotate_every policy → 30d, unused_after policy → never";
    assert!(run.stderr.contains(told), "{run:?}");
    let log = sandbox.run(["log", "--format", "jsonl"]).expect(0).stdout;
    let entry: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((log.lines().count(), &entry["command"]), (2, &"set".into()));
    assert_eq!(
        entry["change"][1],
        serde_json::json!({"field": "rotate_every", "from": "policy", "to": "30d"})
    );
    let again = sandbox.run(args).expect(0);
    assert!(again.stderr.contains("unchanged"), "{again:?}");
    sandbox
        .run(["set", "ci", "--rotate-every", "policy"])
        .expect(0);
    assert_eq!(rows(&sandbox), 1);
    sandbox
        .run(["set", "ci", "--unused-after", "policy"])
        .expect(0);
    assert_eq!(rows(&sandbox), 0);
    let held = sandbox.run(["log", "verify"]).expect(0);
    assert!(held.stdout.contains("4 entries"), "{held:?}");
}

#[test]
fn a_rule_outlives_a_new_secret_and_a_new_name_and_ends_with_its_key() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    set(&sandbox, &["--rotate-every", "30d"]);
    sandbox
        .run(["regenerate", "--yes", "--format", "json", "ci"])
        .expect(0);
    sandbox.run(["rename", "ci", "cd"]).expect(0);
    sandbox.run(["describe", "cd", "builds"]).expect(0);
    assert_eq!(sandbox.show("cd")["policy"]["rotate_every"], "30d");
    sandbox.run(["delete", "--yes", "cd"]).expect(0);
    assert_eq!(rows(&sandbox), 0);
    sandbox.generate(["api", "cd"]);
    assert_eq!(sandbox.show("cd")["policy"]["rotate_every"], "90d");
}

#[test]
fn show_reports_the_policy_and_its_source() {
    let sandbox = with_key("ci");
    age(&sandbox, "ci", 100 * DAY);
    let policy = sandbox.show("ci")["policy"].take();
    assert_eq!(
        (&policy["rotate_every"], &policy["rotate_every_from"]),
        (&"90d".into(), &"default".into())
    );
    let due: jiff::Timestamp = policy["rotation_due_at"].as_str().unwrap().parse().unwrap();
    assert!((now() - 10 * DAY - due.as_second()).abs() < 60, "{policy}");
    let text = sandbox.run(["show", "ci"]).expect(0).stdout;
    assert!(text.contains("every 90d (default); due 20"), "{text}");
    assert!(text.contains("(10 days ago)"), "{text}");
    set(
        &sandbox,
        &["--rotate-every", "never", "--unused-after", "2w"],
    );
    let policy = sandbox.show("ci")["policy"].take();
    assert_eq!(
        policy,
        serde_json::json!({
            "rotate_every": "never", "rotate_every_from": "key", "rotation_due_at": null,
            "unused_after": "2w", "unused_after_from": "key", "grace": "24h",
            "grace_from": "default", "settle": "1h", "settle_from": "default", "after": null,
        })
    );
    let text = sandbox.run(["show", "ci"]).expect(0).stdout;
    assert!(text.contains("never (key)\n"), "{text}");
    assert!(text.contains("after 2w (key)\n"), "{text}");
}

#[test]
fn what_rotates_a_key_by_itself_is_set_shown_logged_and_reset() {
    let sandbox = with_key("ci");
    sandbox.settings("[policy]\nsettle = \"30m\"");
    let after = "sh -c 'systemctl reload \"$1\"' sh app";
    set(&sandbox, &["--grace", "7d", "--after", after]);
    let policy = sandbox.show("ci")["policy"].take();
    let words = serde_json::json!(["sh", "-c", "systemctl reload \"$1\"", "sh", "app"]);
    for (field, expected) in [
        ("grace", "7d".into()),
        ("grace_from", "key".into()),
        ("settle", "30m".into()),
        ("settle_from", "settings".into()),
        ("after", words),
    ] {
        assert_eq!(policy[field], expected, "{policy}");
    }
    let text = sandbox.run(["show", "ci"]).expect(0).stdout;
    for line in ["7d (key)\n", &format!("`{after}` after a delivery\n")] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("settle"), "{text}");
    sandbox.run(["doctor"]).expect(0);
    let reset = ["--grace", "policy", "--clear-after"];
    let run = check(&sandbox, &[&["set", "ci"][..], &reset].concat()).expect(0);
    let told = format!("grace 7d → policy, after was {after}");
    assert!(run.stderr.contains(&told), "{run:?}");
    assert_eq!(rows(&sandbox), 0);
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn invalid_policy_terms_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for (args, part) in [
        (["set", "ci", "--rotate-every", "soon"], "--rotate-every"),
        (["set", "ci", "--unused-after", "0d"], "--unused-after"),
        (["set", "ci", "--grace", "never"], "--grace"),
        (["set", "ci", "--settle", "0s"], "--settle"),
        (["set", "ci", "--after", " "], "--after"),
        (["check", "ci", "--older-than", "policy"], "--older-than"),
        (["check", "ci", "--expiring", "-1d"], "-1"),
    ] {
        let run = sandbox.run(args).expect(2);
        assert!(run.stderr.contains(part), "{args:?}: {run:?}");
        assert!(run.stderr.contains("hint: "), "{args:?}: {run:?}");
    }
    let run = sandbox.run(["set", "ci"]).expect(2);
    assert!(run.stderr.contains("--rotate-every"), "{run:?}");
}

#[test]
fn a_rule_that_cannot_be_read_is_damage_and_named() {
    let sandbox = with_key("ci");
    set(&sandbox, &["--rotate-every", "30d"]);
    in_vault(&sandbox, "UPDATE policies SET rotate_every = 'soon'", []);
    for args in [["check", "--quiet"], ["show", "ci"]] {
        let run = sandbox.run(args).expect(5);
        assert!(run.stderr.contains("has a rotate_every"), "{run:?}");
    }
    assert!(fs::metadata(sandbox.vault()).is_ok());
    sandbox.run(["list"]).expect(0);
}

fn set(sandbox: &Sandbox, flags: &[&str]) {
    let args = [&["set", "ci"], flags].concat();
    check(sandbox, &args).expect(0);
}

fn rows(sandbox: &Sandbox) -> i64 {
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let query = "SELECT count(*) FROM policies";
    vault.query_row(query, [], |row| row.get(0)).unwrap()
}
