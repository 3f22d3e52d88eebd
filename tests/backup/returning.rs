//! `restore`: what it restores, removes, and how that is noticed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rusqlite::Connection;

use super::{edit, vault_of};
use crate::clock::at;
use crate::place::mounts::{expect_mounts, run_mounted};
use crate::sandbox::Sandbox;
use crate::secrecy::stock::stock;
use crate::secrecy::watch::{paths, run_with_input};
use crate::serve::server::Server;

/// The dumps of older schemas, and their valid keys.
const FIXTURES: [(&str, &[&str]); 3] = [
    (
        include_str!("../fixtures/vault-v1.sql"),
        &["reports", "rails-app"],
    ),
    (
        include_str!("../fixtures/vault-v2.sql"),
        &["reports", "rails-app", "web"],
    ),
    (
        include_str!("../fixtures/vault-v3.sql"),
        &["reports", "rails-app", "web", "ci"],
    ),
];

/// A vault with a backup, after which everything happened to its keys.
struct Story {
    sandbox: Sandbox,
    copy: PathBuf,
    old: Vec<(&'static str, String)>,
    new: Vec<(&'static str, String)>,
}

impl Story {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let names = ["same", "stopped", "deleted", "renewed", "over", "limited"];
        let old = names.map(|name| (name, sandbox.generate(["api", name])));
        let copy = sandbox.backup("copy.db");
        sandbox.run(["deactivate", "stopped"]).expect(0);
        sandbox.run(["delete", "--yes", "deleted"]).expect(0);
        let renewed = sandbox.run(["regenerate", "--yes", "renewed"]).expect(0);
        sandbox
            .run(["set", "limited", "--limit", "9/day"])
            .expect(0);
        edit(
            &sandbox.vault(),
            "UPDATE keys SET expires_at = created_at WHERE name = 'over'",
        );
        let made = sandbox.generate(["api", "made-since"]);
        Self {
            copy,
            old: old.to_vec(),
            new: vec![("renewed", renewed.secret()), ("made-since", made)],
            sandbox,
        }
    }

    fn accepted(&self, secrets: &[(&'static str, String)]) -> Vec<&'static str> {
        let good = secrets
            .iter()
            .filter(|(_, secret)| self.sandbox.verify(secret).1 == 0);
        good.map(|(name, _)| *name).collect()
    }
}

#[test]
fn a_restore_does_exactly_what_it_announces() {
    let story = Story::new();
    let Story { sandbox, copy, .. } = &story;
    let before = fs::read(sandbox.vault()).unwrap();
    let expected = [
        ("stopped", "revived"),
        ("deleted", "revived"),
        ("renewed", "revived"),
        ("over", "revived"),
        ("limited", "changed"),
        ("made-since", "gone"),
    ];
    let expected = expected.map(|(name, effect)| (name.to_owned(), effect.to_owned()));
    assert_eq!(sandbox.effects(copy), expected);
    let run = sandbox.restore(&["--dry-run"], copy).expect(1);
    for (name, why) in [
        ("stopped", "deactivated"),
        ("deleted", "deleted"),
        ("renewed", "replaced"),
        ("over", "expired"),
        ("limited", "limit 9/day → none"),
        ("made-since", "created since the backup"),
    ] {
        let line = run
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        assert!(line.is_some_and(|line| line.contains(why)), "{run:?}");
    }
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
    sandbox.restore(&["--confirm", "deleted"], copy).expect(0);
    let all: Vec<_> = story.old.iter().map(|(name, _)| *name).collect();
    assert_eq!(story.accepted(&story.old), all);
    assert_eq!(story.accepted(&story.new), Vec::<&str>::new());
    assert_eq!(sandbox.show("limited")["limit"], serde_json::Value::Null);
}

#[test]
fn a_restore_is_logged_after_the_backups_entries() {
    let Story { sandbox, copy, .. } = Story::new();
    sandbox.restore(&["--confirm", "deleted"], &copy).expect(0);
    let log = sandbox.run(["log", "--format", "json"]).expect(0).json();
    let log = log.as_array().unwrap();
    assert_eq!(log.len(), 7, "six keys were made before the backup");
    let entry = &log[6];
    assert_eq!(entry["command"], "restore");
    let change = entry["change"].as_array().unwrap();
    let told = |field: &str, side: &str| {
        let change = change
            .iter()
            .find(|change| change["field"] == field)
            .unwrap();
        change[side].as_str().unwrap().to_owned()
    };
    assert_eq!(told("file", "to"), copy.to_str().unwrap());
    assert!(told("head", "from").starts_with("13 "), "{entry}");
    assert!(told("head", "to").starts_with("6 "), "{entry}");
    sandbox.run(["log", "verify"]).expect(0);
    sandbox.generate(["api", "after"]);
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn the_previous_vault_is_saved_and_can_be_restored() {
    let story = Story::new();
    let Story { sandbox, copy, .. } = &story;
    let before = sandbox.run(["list", "--format", "json"]).expect(0).stdout;
    sandbox.restore(&["--confirm", "deleted"], copy).expect(0);
    let saved: Vec<_> = paths(sandbox.vault().parent().unwrap())
        .into_iter()
        .filter(|path| path.to_str().unwrap().contains("before-restore-"))
        .collect();
    let [saved] = saved.as_slice() else {
        panic!("{saved:?}");
    };
    assert_eq!(fs::metadata(saved).unwrap().mode() & 0o7777, 0o600);
    sandbox
        .restore(&["--confirm", "made-since"], saved)
        .expect(0);
    let again = sandbox.run(["list", "--format", "json"]).expect(0).stdout;
    assert_eq!(again, before);
    assert_eq!(story.accepted(&story.new), ["renewed", "made-since"]);
}

#[test]
fn keep_inactive_prevents_keys_from_becoming_valid() {
    let story = Story::new();
    let Story { sandbox, copy, .. } = &story;
    let run = sandbox
        .restore(&["--yes", "--keep-inactive"], copy)
        .expect(0);
    assert!(run.stderr.contains("4 keys were deactivated"), "{run:?}");
    assert_eq!(story.accepted(&story.old), ["same", "limited"]);
    for name in ["stopped", "deleted", "renewed", "over"] {
        assert_eq!(sandbox.show(name)["status"], "inactive");
    }
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn restoring_creates_a_missing_vault() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let copy = sandbox.backup("copy.db");
    fs::remove_dir_all(sandbox.home().join(".local")).unwrap();
    let run = sandbox.restore(&["--dry-run"], &copy).expect(0);
    assert!(run.stderr.contains("there is no vault at"), "{run:?}");
    assert!(!sandbox.home().join(".local").exists());
    sandbox.restore(&["--yes"], &copy).expect(0);
    assert_eq!(sandbox.verify(&secret).1, 0);
    for path in paths(&sandbox.home().join(".local")) {
        let mode = fs::metadata(&path).unwrap().mode() & 0o7777;
        let right = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, right, "{}", path.display());
    }
    sandbox.run(["doctor"]).expect(0);
    // The same after an interrupted first change.
    fs::write(sandbox.vault(), "").unwrap();
    let run = sandbox.run(["doctor"]).expect(1);
    assert!(run.stdout.contains("there is no vault at"), "{run:?}");
    sandbox.restore(&["--yes"], &copy).expect(0);
    assert_eq!(sandbox.verify(&secret).1, 0);
}

#[test]
fn backups_with_older_schemas_are_migrated() {
    for (fixture, good) in FIXTURES {
        let sandbox = Sandbox::new();
        sandbox.generate(["api", "here"]);
        let file = sandbox.home().join("old.db");
        vault_of(fixture, &file);
        let before = fs::read(&file).unwrap();
        let run = sandbox.restore(&["--confirm", "reports"], &file).expect(0);
        assert!(run.stderr.contains("backup of another vault"), "{run:?}");
        for name in good {
            let secret = fixture
                .lines()
                .find_map(|line| line.strip_prefix(&format!("-- {name} ")))
                .unwrap();
            assert_eq!(sandbox.verify(secret.trim()).1, 0, "{name}");
        }
        sandbox.run(["show", "here"]).expect(3);
        sandbox.run(["log", "verify"]).expect(0);
        assert_eq!(fs::read(&file).unwrap(), before, "the backup was touched");
    }
}

#[test]
fn open_connections_see_the_restored_vault() {
    let story = Story::new();
    let Story { sandbox, copy, .. } = &story;
    let inode = fs::metadata(sandbox.vault()).unwrap().ino();
    let reader = Connection::open(sandbox.vault()).unwrap();
    let mut names = reader
        .prepare("SELECT count(*) FROM keys WHERE name = ?1")
        .unwrap();
    let mut has = |name: &str| {
        names
            .query_row([name], |row| row.get::<_, bool>(0))
            .unwrap()
    };
    assert!(!has("deleted") && has("made-since"));
    sandbox.restore(&["--confirm", "deleted"], copy).expect(0);
    assert!(has("deleted") && !has("made-since"));
    assert_eq!(fs::metadata(sandbox.vault()).unwrap().ino(), inode);
}

#[test]
fn a_warm_server_uses_the_restored_vault() {
    let story = Story::new();
    let Story { sandbox, copy, .. } = &story;
    let server = Server::start(sandbox);
    let ask = |secrets: &[(&'static str, String)]| -> Vec<u16> {
        let asked = secrets
            .iter()
            .map(|(_, secret)| server.verify(secret).status);
        asked.collect()
    };
    // Twice, so that valid secrets are cached.
    for _ in 0..2 {
        assert_eq!(ask(&story.old), [200, 401, 401, 401, 401, 200]);
        assert_eq!(ask(&story.new), [200, 200]);
    }
    sandbox.restore(&["--confirm", "deleted"], copy).expect(0);
    assert_eq!(ask(&story.new), [401, 401]);
    assert_eq!(ask(&story.old), [200; 6]);
}

#[test]
fn use_of_deleted_keys_is_not_attributed_to_others() {
    let story = Story::new();
    let Story { sandbox, copy, .. } = &story;
    assert_eq!(story.accepted(&story.new), ["renewed", "made-since"]);
    assert_eq!(story.accepted(&story.old), ["same", "limited"]);
    sandbox.restore(&["--confirm", "deleted"], copy).expect(0);
    sandbox.generate(["api", "next"]);
    let usage = sandbox.run(["usage", "--format", "json"]).expect(0).json();
    let names: Vec<_> = usage
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["name"])
        .collect();
    let known = ["same", "stopped", "deleted", "renewed", "over", "limited"];
    assert_eq!(names, known);
    let record = Connection::open(sandbox.usage()).unwrap();
    let query = "SELECT count(*) FROM days WHERE key_id > 6";
    let left: i64 = record.query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "use of a key that is gone is left");
}

#[test]
fn key_numbers_are_not_reused_after_a_restore() {
    let Story { sandbox, copy, .. } = Story::new();
    let number = |name: &str| -> i64 {
        let vault = Connection::open(sandbox.vault()).unwrap();
        let query = "SELECT id FROM keys WHERE name = ?1";
        vault.query_row(query, [name], |row| row.get(0)).unwrap()
    };
    let last = number("made-since");
    sandbox.restore(&["--confirm", "deleted"], &copy).expect(0);
    sandbox.generate(["api", "next"]);
    assert!(number("next") > last);
}

#[test]
fn a_secret_being_delivered_is_not_activated_by_a_restore() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let staged = "INSERT INTO pending VALUES ('aaaabbbbccccdddd', NULL, 'x', 9999999999)";
    edit(&sandbox.vault(), staged);
    let copy = sandbox.backup("copy.db");
    sandbox.restore(&["--yes"], &copy).expect(0);
    let vault = Connection::open(sandbox.vault()).unwrap();
    let query = "SELECT count(*) FROM pending";
    let left: i64 = vault.query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn restoring_reports_keys_whose_recorded_expiry_is_lost() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "brief", "--expires", "1h"]);
    let copy = sandbox.backup("copy.db");
    // The clock has been set back since.
    at(&sandbox, "+2h", &["check"]);
    assert_eq!(sandbox.verify(&secret).0, "expired");
    let effects = sandbox.effects(&copy);
    assert_eq!(effects, [("brief".to_owned(), "revived".to_owned())]);
    sandbox.restore(&["--yes"], &copy).expect(2);
    sandbox
        .restore(&["--keep-stopped", "--yes"], &copy)
        .expect(0);
    assert_eq!(sandbox.verify(&secret).0, "inactive");
}

#[test]
fn a_vault_that_was_damaged_or_changed_by_hand_is_restored() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    stock(&sandbox, 100);
    let copy = sandbox.backup("copy.db");
    let good = fs::read(sandbox.vault()).unwrap();
    let mut restored = 0;
    for page in 1..good.len() / 4096 {
        let mut damaged = good.clone();
        damaged[page * 4096..][..4096].fill(0xa5);
        fs::write(sandbox.vault(), &damaged).unwrap();
        let run = sandbox
            .restore(&["--yes", "--keep-inactive"], &copy)
            .expect(0);
        assert!(
            run.stderr.contains("cannot be read completely"),
            "page {page}: {run:?}"
        );
        sandbox.run(["log", "verify"]).expect(0);
        assert_eq!(
            sandbox
                .run(["list", "--format", "jsonl"])
                .expect(0)
                .stdout
                .lines()
                .count(),
            101
        );
        restored += 1;
    }
    assert!(restored > 10, "only {restored} vaults");
    fs::write(sandbox.vault(), &good).unwrap();
    edit(&sandbox.vault(), "CREATE TABLE stowaway (x)");
    sandbox.run(["list"]).expect(5);
    sandbox.restore(&["--yes"], &copy).expect(0);
    assert_eq!(sandbox.verify(&secret).1, 0);
}

#[test]
fn while_others_read_a_restore_waits_and_then_gives_up_without_a_trace() {
    let Story { sandbox, copy, .. } = Story::new();
    let before = (paths(sandbox.home()), fs::read(sandbox.vault()).unwrap());
    let reader = Connection::open(sandbox.vault()).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM keys")
        .unwrap();
    let args = ["--wait", "1s", "--confirm", "deleted"];
    let run = sandbox.restore(&args, &copy).expect(5);
    assert!(run.stderr.contains("the vault is busy"), "{run:?}");
    let after = (paths(sandbox.home()), fs::read(sandbox.vault()).unwrap());
    assert!(before == after, "something was left behind");
    reader.execute_batch("COMMIT").unwrap();
    sandbox.restore(&["--confirm", "deleted"], &copy).expect(0);
}

#[test]
fn a_restore_on_a_full_disk_changes_nothing() {
    expect_mounts();
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    stock(&sandbox, 200);
    let copy = sandbox.backup("copy.db");
    sandbox.run(["delete", "--yes", "ci"]).expect(0);
    let folder = sandbox.vault().parent().unwrap().to_owned();
    let outside = sandbox.home().join("outside");
    let size = fs::metadata(sandbox.vault()).unwrap().len();
    let good = fs::read(sandbox.vault()).unwrap();
    let mut failed = 0;
    for room in (0..3 * size).step_by(16 << 10) {
        fs::create_dir_all(&outside).unwrap();
        let script = format!(
            "umask 077; cp \"$0\"/vault.db outside/ && mount -t tmpfs -o mode=700,size={} none \"$0\" \
             && mv outside/vault.db \"$0\" || exit 99
             \"$@\"; status=$?; cp \"$0\"/* outside; exit $status",
            size + room
        );
        let args = ["restore", "--confirm", "ci", copy.to_str().unwrap()];
        let run = run_mounted(&sandbox, &script, &folder, &args);
        if run.status != 0 {
            failed += 1;
            run.expect(5);
            let vault = outside.join("vault.db");
            assert_eq!(fs::read(&vault).unwrap(), good, "with {room} bytes free");
            assert_eq!(paths(&outside).len(), 1, "{:?}", paths(&outside));
        } else {
            fs::copy(outside.join("vault.db"), sandbox.home().join("after.db")).unwrap();
        }
        fs::remove_dir_all(&outside).unwrap();
    }
    assert!(failed > 3, "only {failed} runs met a full disk");
    let after = sandbox.home().join("after.db");
    let verify = ["verify", "--no-record", "--vault", after.to_str().unwrap()];
    sandbox.run_with_input(verify, secret.as_bytes()).expect(0);
}

#[test]
fn a_keys_own_policy_is_compared_and_restored() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web"]);
    let own = ["--grace", "48h", "--settle", "2h", "--after", "reload x"];
    let args = [&["set", "web"][..], &own].concat();
    run_with_input(&sandbox, &args, "").expect(0);
    sandbox.run(["backup", "own.db"]).expect(0);
    let policy = sandbox.show("web")["policy"].take();
    let none = ["--grace", "1h", "--settle", "policy", "--clear-after"];
    let args = [&["set", "web"][..], &none].concat();
    run_with_input(&sandbox, &args, "").expect(0);
    let plan = sandbox.run(["restore", "--dry-run", "own.db"]).expect(1);
    let told = "grace 1h → 48h, settle 2h, after reload x";
    assert!(plan.stdout.contains(told), "{plan:?}");
    sandbox.run(["restore", "--yes", "own.db"]).expect(0);
    assert_eq!(sandbox.show("web")["policy"], policy);
    let doctor = sandbox.run(["doctor"]).expect(1);
    assert!(doctor.stdout.contains("✓  facts"), "{doctor:?}");
}
