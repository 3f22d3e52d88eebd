//! Usage records from older versions.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::verify;
use crate::sandbox::Sandbox;

/// In the third schema: key 1 was accepted twice, and refused twice as inactive.
const THIRD: &str = include_str!("../fixtures/usage-v3.sql");

/// What the third schema added to the second, and so on.
const BACK: [&str; 3] = [
    "",
    "PRAGMA user_version = 2; ALTER TABLE addresses DROP COLUMN turn;",
    "PRAGMA user_version = 1; ALTER TABLE addresses DROP COLUMN turn; DROP TABLE networks;",
];

#[test]
fn an_older_usage_record_is_read_and_migrated_on_write() {
    for back in BACK {
        let (sandbox, secret) = with_record(back);
        let before = version(&sandbox);
        let refusals = sandbox.show("ci")["usage"]["refusals"].clone();
        assert_eq!(refusals[0]["count"], 2, "{back}: {refusals}");
        assert_eq!(refusals[0]["addresses"], serde_json::json!([]), "{back}");
        for args in [&["usage"][..], &["doctor"], &["check", "--quiet"]] {
            let run = sandbox.command(args).output().unwrap();
            assert!(run.status.success(), "{back}: {args:?} {run:?}");
        }
        assert_eq!(version(&sandbox), before, "{back}");
        verify(&sandbox, &secret, &["--ip", "203.0.113.66"]).expect(1);
        assert_eq!(version(&sandbox), 6, "{back}");
        let usage = sandbox.show("ci")["usage"].clone();
        assert_eq!(usage["days"][0]["requests"], 2, "{back}: {usage}");
        let refused = &usage["refusals"][0];
        assert_eq!(refused["count"], 3, "{back}: {refused}");
        assert_eq!(refused["addresses"][0]["address"], "203.0.113.66");
        assert_eq!(refused["addresses"][0]["count"], 1, "{back}: {refused}");
        assert_eq!(usage["addresses"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn the_clock_of_an_older_record_can_be_accepted() {
    for back in BACK {
        let (sandbox, _) = with_record(back);
        let usage = Connection::open(sandbox.usage()).unwrap();
        let ahead = "UPDATE days SET day = day + 9, last_at = last_at + 9 * 86400";
        usage.execute_batch(ahead).unwrap();
        drop(usage);
        sandbox.run(["doctor"]).expect(1);
        sandbox.run(["doctor", "--accept-clock"]).expect(0);
        sandbox.run(["doctor"]).expect(0);
        assert_eq!(sandbox.show("ci")["usage"]["refusals"][0]["count"], 2);
    }
}

#[test]
fn another_vaults_refusals_are_forgotten_when_its_record_is_written_to() {
    let (sandbox, secret) = with_record("");
    verify(&sandbox, &secret, &["--ip", "203.0.113.66"]).expect(1);
    let usage = Connection::open(sandbox.usage()).unwrap();
    let other = "UPDATE about SET vault = x'00'";
    usage.execute_batch(other).unwrap();
    verify(&sandbox, &secret, &["--ip", "203.0.113.67"]).expect(1);
    let refused = sandbox.show("ci")["usage"]["refusals"][0].clone();
    assert_eq!(refused["count"], 1, "{refused}");
    assert_eq!(refused["addresses"].as_array().unwrap().len(), 1);
}

/// A vault with an inactive key, and an older record of its use today; and the key's secret.
fn with_record(back: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.run(["deactivate", "ci"]).expect(0);
    verify(&sandbox, &secret, &[]).expect(1);
    let path = sandbox.usage();
    let identity = "SELECT vault FROM about";
    let usage = Connection::open(&path).unwrap();
    let identity: Vec<u8> = usage.query_row(identity, [], |row| row.get(0)).unwrap();
    usage
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(usage);
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
    let usage = Connection::open(&path).unwrap();
    usage
        .execute_batch(&format!("PRAGMA journal_mode = WAL; {THIRD} {back}"))
        .unwrap();
    let today = "
        UPDATE days SET day = unixepoch() / 86400, last_at = unixepoch();
        UPDATE addresses SET last_at = unixepoch();
        UPDATE secrets SET first_at = unixepoch(), last_at = unixepoch();";
    usage.execute_batch(today).unwrap();
    usage
        .execute("UPDATE about SET vault = ?1", [identity])
        .unwrap();
    if !back.contains("DROP TABLE networks") {
        let now = "UPDATE networks SET first_at = unixepoch()";
        usage.execute_batch(now).unwrap();
    }
    drop(usage);
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    (sandbox, secret)
}

fn version(sandbox: &Sandbox) -> i64 {
    let usage = Connection::open(sandbox.usage()).unwrap();
    let version = |row: &rusqlite::Row<'_>| row.get(0);
    usage.query_row("PRAGMA user_version", [], version).unwrap()
}
