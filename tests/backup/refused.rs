//! Invalid backups are not restored, and neither they nor the vault are changed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::edit;
use crate::sandbox::Sandbox;
use crate::secrecy::stock::stock;

/// What is done to a valid backup, and the message.
type Spoil = fn(&Path);

const CASES: [(&str, Spoil, &str); 15] = [
    (
        "a newer schema",
        |copy| edit(copy, "PRAGMA user_version = 99"),
        "has schema version 99",
    ),
    (
        "of something else",
        |copy| edit(copy, "PRAGMA application_id = 99"),
        "is not a postkey vault",
    ),
    (
        "with a trigger",
        |copy| {
            edit(
                copy,
                "CREATE TRIGGER backdoor AFTER UPDATE ON keys BEGIN DELETE FROM log; END",
            );
        },
        "unexpected trigger `backdoor`",
    ),
    (
        "with a view",
        |copy| edit(copy, "CREATE VIEW v AS SELECT 1"),
        "unexpected view `v`",
    ),
    (
        "with an edited log",
        |copy| edit(copy, "UPDATE log SET user = 'x' WHERE sequence = 2"),
        "entry 2: it does not match",
    ),
    (
        "with a log cut short",
        |copy| edit(copy, "DELETE FROM log WHERE sequence = 3"),
        "entry 3",
    ),
    (
        "in WAL mode",
        |copy| edit(copy, "PRAGMA journal_mode = WAL"),
        "WAL",
    ),
    (
        "empty",
        |copy| fs::write(copy, "").unwrap(),
        "is not a postkey vault",
    ),
    (
        "a text",
        |copy| fs::write(copy, "no vault\n".repeat(999)).unwrap(),
        "is not a postkey vault",
    ),
    (
        "missing",
        |copy| fs::remove_file(copy).unwrap(),
        "there is no vault at",
    ),
    (
        "readable by others",
        |copy| set_mode(copy, 0o644),
        "is accessible to other users",
    ),
    (
        "writable by group",
        |copy| set_mode(copy, 0o620),
        "is accessible to other users",
    ),
    (
        "a link",
        |copy| {
            let real = copy.with_file_name("real.db");
            fs::rename(copy, &real).unwrap();
            symlink(real, copy).unwrap();
        },
        "is a symbolic link",
    ),
    (
        "a hard link",
        |copy| fs::hard_link(copy, copy.with_file_name("second")).unwrap(),
        "hard link",
    ),
    (
        "a folder",
        |copy| {
            fs::remove_file(copy).unwrap();
            fs::create_dir(copy).unwrap();
        },
        "is a folder",
    ),
];

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_invalid_backup_is_refused_and_nothing_changed() {
    for (case, spoil, says) in CASES {
        let sandbox = Sandbox::with_three_keys();
        let copy = sandbox.backup("copy.db");
        spoil(&copy);
        let bytes = || (fs::read(&copy).ok(), fs::read(sandbox.vault()).unwrap());
        let before = bytes();
        for args in [&["--yes"][..], &["--dry-run"]] {
            let run = sandbox.restore(args, &copy).expect(5);
            assert!(run.stderr.contains(says), "{case}: {run:?}");
            assert!(
                run.stderr.contains("\nhint: ") && run.stdout.is_empty(),
                "{case}: {run:?}"
            );
            assert_eq!(bytes(), before, "{case}");
        }
        assert!(!copy.with_file_name("copy.db-shm").exists(), "{case}");
    }
}

#[test]
fn a_damaged_or_truncated_backup_is_refused() {
    let sandbox = Sandbox::with_three_keys();
    stock(&sandbox, 100);
    let copy = sandbox.backup("copy.db");
    let good = fs::read(&copy).unwrap();
    let before = fs::read(sandbox.vault()).unwrap();
    let mut refused = 0;
    let mut expect_refused = |bytes: &[u8], case: &str| {
        fs::write(&copy, bytes).unwrap();
        let run = sandbox.restore(&["--yes"], &copy).expect(5);
        assert!(run.stdout.is_empty(), "{case}: {run:?}");
        assert_eq!(fs::read(sandbox.vault()).unwrap(), before, "{case}");
        refused += 1;
    };
    for page in 0..good.len() / 4096 {
        let mut damaged = good.clone();
        damaged[page * 4096..][..4096].fill(0);
        expect_refused(&damaged, &format!("page {page}"));
    }
    for length in (0..good.len()).step_by(4096 * 3 + 1000) {
        expect_refused(&good[..length], &format!("{length} bytes"));
    }
    assert!(refused > 20, "only {refused} backups");
}

#[test]
fn a_backup_with_an_edited_log_is_restored_with_the_flag() {
    let sandbox = Sandbox::with_three_keys();
    let copy = sandbox.backup("copy.db");
    edit(&copy, "UPDATE log SET user = 'x' WHERE sequence = 2");
    let run = sandbox.restore(&["--yes"], &copy).expect(5);
    assert!(run.stderr.contains("--despite-log"), "{run:?}");
    sandbox
        .restore(&["--yes", "--despite-log"], &copy)
        .expect(0);
    sandbox.run(["log", "verify"]).expect(1);
}

#[test]
fn the_vault_is_not_its_own_backup() {
    let sandbox = Sandbox::with_three_keys();
    let run = sandbox.restore(&["--yes"], &sandbox.vault()).expect(5);
    assert!(run.stderr.contains("the vault's own file"), "{run:?}");
}

#[test]
fn a_newer_vault_is_not_replaced_by_an_older_backup() {
    let sandbox = Sandbox::with_three_keys();
    let copy = sandbox.backup("copy.db");
    edit(&sandbox.vault(), "PRAGMA user_version = 99");
    let before = fs::read(sandbox.vault()).unwrap();
    let run = sandbox.restore(&["--yes"], &copy).expect(5);
    assert!(run.stderr.contains("has schema version 99"), "{run:?}");
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
}
