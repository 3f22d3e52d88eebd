//! Unused keys: which they are, and false positives.

use rusqlite::Connection;
use serde_json::Value;

use super::used_on;
use crate::sandbox::{Run, Sandbox};

#[test]
fn the_listing_has_a_column_of_last_uses_once_any_is_recorded() {
    let sandbox = Sandbox::with_three_keys();
    let before = sandbox.run(["list"]).expect(0).stdout;
    assert!(!before.contains("LAST USED"), "{before}");
    let sandbox = used_on(&[("ci", 5, 1), ("idle", 2, 1)]);
    sandbox.generate(["api", "new"]);
    let text = sandbox.run(["list"]).expect(0).stdout;
    let rows: Vec<&str> = text.lines().collect();
    assert!(rows[0].contains("LAST USED   TODAY  CREATED"), "{text}");
    assert!(
        rows[1].contains("5 days ago") && rows[3].contains("never"),
        "{text}"
    );
}

#[test]
fn unused_keys_are_those_that_were_not_used_for_so_long() {
    let sandbox = used_on(&[("stale", 50, 1), ("used", 3, 1), ("older", 90, 1)]);
    sandbox.generate(["api", "new"]);
    let names = |args: &[&str]| names(&sandbox, args);
    assert_eq!(names(&["--unused", "45d"]), ["stale", "older"]);
    assert_eq!(names(&["--unused", "2d"]), ["stale", "used", "older"]);
    assert_eq!(names(&["--unused", "60d", "o*"]), ["older"]);
    age(&sandbox, "new");
    assert_eq!(names(&["--unused", "45d", "n*"]), ["new"]);
    let run = sandbox.run(["list", "--unused", "45d"]).expect(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn missing_usage_is_noted_before_keys_count_as_unused() {
    let sandbox = Sandbox::with_three_keys();
    age(&sandbox, "dev");
    for format in ["text", "csv"] {
        let run = sandbox
            .run(["list", "--unused", "45d", "--format", format])
            .expect(0);
        assert!(
            run.stderr.contains("no usage is recorded in this vault"),
            "{run:?}"
        );
    }
    let run = sandbox
        .run(["list", "--unused", "45d", "--sort", "used"])
        .expect(0);
    assert_eq!(run.stdout.lines().count(), 2);
    let sandbox = used_on(&[("ci", 10, 1)]);
    let run = sandbox.run(["list", "--unused", "45d"]).expect(0);
    assert!(
        run.stderr.contains("usage has been recorded only since 20"),
        "{run:?}"
    );
}

#[test]
fn the_longest_unused_key_is_listed_first_behind_those_never_used() {
    let sandbox = used_on(&[("b", 1, 1), ("a", 9, 1), ("c", 5, 1), ("a", 2, 1)]);
    sandbox.generate(["api", "never-1"]);
    sandbox.generate(["api", "never-2"]);
    let sorted = names(&sandbox, &["--sort", "used"]);
    assert_eq!(sorted, ["never-1", "never-2", "c", "a", "b"]);
    sandbox.run(["delete", "--yes", "c"]).expect(0);
    let sorted = names(&sandbox, &["--sort", "used"]);
    assert_eq!(sorted, ["never-1", "never-2", "a", "b"]);
}

/// Makes a key 100 days older.
fn age(sandbox: &Sandbox, name: &str) {
    let vault = Connection::open(sandbox.vault()).unwrap();
    let change = "UPDATE keys SET created_at = created_at - 100 * 86400 WHERE name = ?1";
    assert_eq!(vault.execute(change, [name]).unwrap(), 1);
    crate::ledger::reseal(&vault);
}

fn names(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let args = [&["list", "--format", "json"], args].concat();
    let run = Run::of(sandbox.command(args).output().unwrap()).expect(0);
    let keys: Vec<Value> = serde_json::from_str(&run.stdout).unwrap();
    let name = |key: Value| key["name"].as_str().unwrap().to_owned();
    keys.into_iter().map(name).collect()
}
