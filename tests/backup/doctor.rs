//! `doctor` finds each kind of damage, gives its hint, and changes nothing.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{edit, vault_of};
use crate::ledger;
use crate::sandbox::Sandbox;
use crate::secrecy::stock::stock;
use crate::secrecy::watch::paths;

/// A PHC string that is cheaper than ours, and one that costs more than is allowed.
const CHEAP: &str =
    "$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0c2E$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const DEAR: &str = "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0c2E$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What is done to an intact vault, the check that finds it, and parts of the message and the hint.
type Case = (fn(&Sandbox), &'static str, &'static str, &'static str);

const CASES: [Case; 34] = [
    (
        |s| mode(&s.vault(), 0o640),
        "place",
        "accessible to other users",
        "chmod 600",
    ),
    (
        |s| mode(s.vault().parent().unwrap(), 0o755),
        "place",
        "other users can read",
        "chmod 700",
    ),
    (
        |s| mode(s.vault().parent().unwrap(), 0o777),
        "place",
        "can write to",
        "chmod go-w",
    ),
    (
        |s| fs::hard_link(s.vault(), beside(s, "second")).unwrap(),
        "place",
        "hard link",
        "remove the other hard links",
    ),
    (
        |s| sql(s, "CREATE TABLE stowaway (x)"),
        "schema",
        "unexpected table `stowaway`",
        "undo that",
    ),
    (
        |s| {
            sql(
                s,
                "CREATE TRIGGER t AFTER UPDATE ON keys BEGIN DELETE FROM log; END",
            )
        },
        "schema",
        "unexpected trigger",
        "undo that",
    ),
    (
        older,
        "schema",
        "version 2; the newest is 11",
        "upgrades it",
    ),
    (
        |s| sql(s, "PRAGMA user_version = 99"),
        "whole",
        "schema version 99",
        "a newer one",
    ),
    (
        |s| sql(s, "PRAGMA application_id = 9"),
        "whole",
        "is not a postkey vault",
        "name the vault",
    ),
    (
        |s| sql(s, "PRAGMA journal_mode = WAL"),
        "whole",
        "WAL",
        "switches it back",
    ),
    (|s| spoil(s, 3), "whole", "damaged", "restore a backup"),
    (
        |s| fs::write(s.vault(), "x".repeat(9000)).unwrap(),
        "whole",
        "is not a postkey vault",
        "name the vault",
    ),
    (
        |s| {
            sql(
                s,
                "PRAGMA foreign_keys = OFF; DELETE FROM keys WHERE name = 'dev'",
            )
        },
        "whole",
        "secrets without keys",
        "restore a backup",
    ),
    (
        |s| sql(s, "UPDATE log SET user = 'x' WHERE sequence = 2"),
        "log",
        "entry 2: it does not match",
        "compare it",
    ),
    (
        |s| sql(s, "DELETE FROM log WHERE sequence = 3"),
        "log",
        "entry 3: it is missing",
        "compare it",
    ),
    (
        |s| sql(s, "DELETE FROM log_head"),
        "log",
        "cut short",
        "compare it",
    ),
    (
        |s| {
            sql(
                s,
                "DROP VIEW smtp_login; CREATE VIEW smtp_login (username, tail, password)
                 AS SELECT 'root', '', '{PLAIN}x'",
            )
        },
        "schema",
        "an altered view `smtp_login`",
        "restore a backup",
    ),
    (
        |s| sql(s, "UPDATE keys SET status = 'inactive' WHERE name = 'dev'"),
        "facts",
        "`dev` does not match the audit log: its status is `inactive`, but `active` in the log",
        "restore a backup",
    ),
    (
        |s| {
            sql(
                s,
                "DELETE FROM secrets WHERE key_id = 1; DELETE FROM keys WHERE id = 1",
            )
        },
        "facts",
        "its name is nothing",
        "restore a backup",
    ),
    (
        |s| sql(s, "UPDATE secrets SET created_at = 1 WHERE key_id = 1"),
        "facts",
        "`prod-web` does not match the audit log: the digest, hash, login, salt or creation time \
         of its secret differs",
        "restore a backup",
    ),
    (
        |s| sql(s, "DELETE FROM secrets WHERE key_id = 1"),
        "facts",
        "`prod-web` does not match the audit log: its tail is nothing",
        "restore a backup",
    ),
    (
        |s| {
            sql(
                s,
                &format!("UPDATE secrets SET hash = '{DEAR}' WHERE key_id = 1"),
            )
        },
        "hashes",
        "`prod-web` has an unsupported hash",
        "`postkey delete NAME`",
    ),
    (
        |s| sql(s, "UPDATE log SET at = at + 7200 WHERE sequence = 4"),
        "clock",
        "behind the newest entry of the audit log",
        "set the clock",
    ),
    (
        |s| {
            sql(
                s,
                "UPDATE keys SET permission = 'unheard-of' WHERE name = 'dev'",
            )
        },
        "keys",
        "`dev` has a permission",
        "[permissions]",
    ),
    (
        |s| {
            sql(
                s,
                "UPDATE keys SET expires_at = 999999999999999999 WHERE name = 'dev'",
            )
        },
        "keys",
        "is not a time",
        "restore a backup",
    ),
    (
        |s| {
            sql(
                s,
                "INSERT INTO policies (key_id, unused) VALUES (1, 'soon')",
            )
        },
        "policies",
        "`soon` of `prod-web`",
        "set the policy again",
    ),
    (
        |s| {
            sql(
                s,
                "INSERT INTO policies (key_id, after) VALUES (1, 'sh ''a')",
            )
        },
        "policies",
        "`sh 'a` of `prod-web`",
        "set the policy again",
    ),
    (
        |s| hash(s, CHEAP),
        "hashes",
        "`prod-web` has a weaker hash",
        "rotate",
    ),
    (
        |s| hash(s, DEAR),
        "hashes",
        "`prod-web` has an unsupported hash",
        "regenerate",
    ),
    (
        |s| {
            sql(
                s,
                "INSERT INTO pending VALUES ('aaaabbbbccccdddd', NULL, 'x', 5)",
            )
        },
        "staged",
        "1 secret pending",
        "removes them",
    ),
    (
        |s| fs::write(beside(s, "vault.db.schema-2"), "").unwrap(),
        "leftovers",
        "vault.db.schema-2",
        "delete it",
    ),
    (
        |s| fs::write(beside(s, "vault.db.before-restore-20200101T000000Z"), "").unwrap(),
        "leftovers",
        "before-restore",
        "delete it",
    ),
    (|s| mode(&s.usage(), 0o644), "use", "usage.db", "remove it"),
    (
        |s| fs::write(s.usage(), "x".repeat(9000)).unwrap(),
        "use",
        "damaged",
        "remove it",
    ),
];

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn beside(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.vault().with_file_name(name)
}

fn sql(sandbox: &Sandbox, sql: &str) {
    edit(&sandbox.vault(), sql);
}

fn hash(sandbox: &Sandbox, hash: &str) {
    sql(
        sandbox,
        &format!("UPDATE secrets SET hash = '{hash}' WHERE key_id = 1"),
    );
    ledger::reseal(&Connection::open(sandbox.vault()).unwrap());
}

fn older(sandbox: &Sandbox) {
    fs::remove_file(sandbox.vault()).unwrap();
    fs::remove_file(sandbox.usage()).unwrap();
    vault_of(include_str!("../fixtures/vault-v2.sql"), &sandbox.vault());
}

fn spoil(sandbox: &Sandbox, page: usize) {
    stock(sandbox, 100);
    let mut bytes = fs::read(sandbox.vault()).unwrap();
    bytes[page * 4096..][..4096].fill(0);
    fs::write(sandbox.vault(), bytes).unwrap();
}

fn healthy() -> Sandbox {
    let sandbox = Sandbox::with_three_keys();
    let secret = sandbox.generate(["api", "used"]);
    assert_eq!(sandbox.verify(&secret).1, 0);
    // Everything in the file itself, so that overwriting it cannot be undone.
    edit(&sandbox.usage(), "PRAGMA wal_checkpoint(TRUNCATE)");
    sandbox
}

/// Everything in the home folder except what SQLite creates to read a WAL.
fn state(sandbox: &Sandbox) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let is_ours = |path: &PathBuf| {
        let name = path.to_str().unwrap();
        !name.ends_with("usage.db-shm") && !name.ends_with("usage.db-wal")
    };
    let files = paths(sandbox.home()).into_iter().filter(is_ours);
    files
        .map(|path| (path.clone(), fs::read(path).ok()))
        .collect()
}

#[test]
fn a_healthy_vault_has_no_findings() {
    let sandbox = healthy();
    let run = sandbox.run(["doctor"]).expect(0);
    assert!(
        !run.stdout.contains('✗') && run.stderr.contains("no problems found"),
        "{run:?}"
    );
    let checks = sandbox.run(["doctor", "--format", "json"]).expect(0).json();
    let checks = checks.as_array().unwrap();
    assert!(checks.len() > 10 && checks.iter().all(|check| check["ok"] == true));
    // Nor in a new vault, or one that never had a key.
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.run(["doctor"]).expect(0);
    sandbox.run(["regenerate", "--yes", "ci"]).expect(0);
    assert_eq!(sandbox.verify(&secret).1, 1);
    sandbox.run(["delete", "--yes", "ci"]).expect(0);
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn every_kind_of_damage_is_found_with_its_hint() {
    for (number, (sabotage, check, says, hint)) in CASES.into_iter().enumerate() {
        let sandbox = healthy();
        sabotage(&sandbox);
        let before = state(&sandbox);
        let run = sandbox.run(["doctor", "--format", "json"]).expect(1);
        let is_it = |found: &&serde_json::Value| {
            let part = |field: &str, part: &str| {
                found[field]
                    .as_str()
                    .is_some_and(|text| text.contains(part))
            };
            found["ok"] == false
                && found["check"] == check
                && part("message", says)
                && part("hint", hint)
        };
        let report = run.json();
        let found = report.as_array().unwrap().iter().filter(is_it).count();
        assert_eq!(found, 1, "case {number}: {check} {says}: {run:?}");
        assert_eq!(state(&sandbox), before, "case {number} was changed");
        let text = sandbox.run(["doctor"]).expect(1);
        assert!(text.stdout.contains('✗'), "case {number}: {text:?}");
    }
}

#[test]
fn a_finding_does_not_hide_another() {
    let sandbox = healthy();
    mode(&sandbox.vault(), 0o644);
    sql(
        &sandbox,
        "UPDATE log SET user = 'x' WHERE sequence = 2; CREATE VIEW v AS SELECT 1",
    );
    let run = sandbox.run(["doctor", "--format", "csv"]).expect(1);
    for check in ["place", "schema", "log"] {
        assert!(
            run.stdout.contains(&format!("{check},false,")),
            "{check}: {run:?}"
        );
    }
}

#[test]
fn an_interrupted_transaction_is_reported_and_left() {
    let sandbox = healthy();
    let writer = rusqlite::Connection::open(sandbox.vault()).unwrap();
    // What does not fit into the cache is written early.
    let change = "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE;
         CREATE TABLE filler (x); INSERT INTO filler
           WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
           SELECT randomblob(500) FROM n";
    writer.execute_batch(change).unwrap();
    let vault = fs::read(sandbox.vault()).unwrap();
    let journal = fs::read(beside(&sandbox, "vault.db-journal")).unwrap();
    drop(writer);
    // As a killed writer leaves it.
    fs::write(sandbox.vault(), vault).unwrap();
    let left = beside(&sandbox, "vault.db-journal");
    fs::write(&left, journal).unwrap();
    mode(&left, 0o600);
    let before = state(&sandbox);
    let run = sandbox.run(["doctor"]).expect(1);
    assert!(
        run.stdout
            .contains("an interrupted transaction must be rolled back"),
        "{run:?}"
    );
    assert_eq!(state(&sandbox), before);
    sandbox.run(["list"]).expect(0);
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn a_missing_vault_is_not_checked() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["doctor"]).expect(5);
    assert!(run.stderr.contains("there is no vault at"), "{run:?}");
    assert_eq!(paths(sandbox.home()), Vec::<PathBuf>::new());
}

#[test]
fn a_vault_that_stays_locked_is_not_checked() {
    let sandbox = healthy();
    let writer = rusqlite::Connection::open(sandbox.vault()).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let run = sandbox.run(["doctor", "--wait", "1s"]).expect(5);
    assert!(run.stderr.contains("busy"), "{run:?}");
}
