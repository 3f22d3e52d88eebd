//! The log: one entry per change, and no undetected alteration.

use std::fs;

use rusqlite::Connection;

use crate::sandbox::{Run, Sandbox};

const ENTRIES: usize = 8;

/// An edit of each column.
const EDITS: [&str; 18] = [
    "sequence = sequence + 100",
    "at = at + 1",
    "at = at - 86400",
    "uid = uid + 1",
    "uid = 'x'",
    "user = user || 'x'",
    "user = CAST(user AS BLOB)",
    "sudo_user = coalesce(sudo_user, '') || 'x'",
    "sudo_user = CASE WHEN sudo_user IS NULL THEN '' END",
    "host = 'x' || host",
    "host = substr(host, 2), user = user || substr(host, 1, 1)",
    "command = 'list'",
    "key_id = key_id + 1",
    "key = upper(key)",
    "key = key || '-x'",
    "change = change || ' '",
    "change = '[]'",
    "hash = randomblob(32)",
];

#[test]
fn every_tampering_with_the_log_is_found() {
    let sandbox = told();
    let forgeries = [edits(), removals(), insertions(), swaps(), heads()].concat();
    let unseen: Vec<&String> = forgeries
        .iter()
        .filter(|forgery| !is_found(&sandbox, forgery))
        .collect();
    let (unseen, all) = (unseen, forgeries.len());
    assert!(all > 200, "only {all} forgeries");
    assert!(
        unseen.is_empty(),
        "{} of {all} unseen: {unseen:#?}",
        unseen.len()
    );
}

#[test]
fn an_emptied_log_is_detected() {
    let sandbox = told();
    assert!(is_found(&sandbox, "DELETE FROM log; DELETE FROM log_head"));
}

#[test]
fn every_change_has_one_entry_and_nothing_else_has_any() {
    let sandbox = Sandbox::new();
    sandbox.private("pass", b"correct horse battery");
    sandbox.private("wrong", b"battery");
    let mut logged = 0;
    for (args, status, entries) in [
        (&["generate", "api", "ci"][..], 0, 1),
        (&["generate", "smtp", "mail"], 0, 1),
        (&["generate", "api", "CI"], 4, 0),
        (&["generate", "api", "ci", "--if-absent"], 0, 0),
        (&["generate", "api", "other", "--inactive"], 0, 1),
        (&["describe", "ci", "x"], 0, 1),
        (&["describe", "ci", "x"], 0, 0),
        (&["describe", "ci", "--clear"], 0, 1),
        (
            &[
                "set",
                "ci",
                "--limit",
                "1/day",
                "--permission",
                "contacts",
                "--expires",
                "9d",
            ],
            0,
            1,
        ),
        (&["set", "mail", "--permission", "full"], 2, 0),
        (&["run", "--", "true"], 0, 2),
        (&["run", "--", "./missing"], 127, 0),
        (&["rename", "ci", "build"], 0, 1),
        (&["rename", "build", "mail"], 4, 0),
        (&["deactivate", "build", "mail", "other"], 0, 2),
        (&["deactivate", "build", "missing", "mail"], 3, 0),
        (&["activate", "build", "mail", "build"], 0, 2),
        (&["regenerate", "build"], 2, 0),
        (&["regenerate", "--yes", "build"], 0, 1),
        (&["rotate", "build"], 0, 1),
        (&["rotate", "build"], 4, 0),
        (&["rotate", "--abort", "build"], 2, 0),
        (&["rotate", "--abort", "--yes", "build"], 0, 1),
        (&["rotate", "--abort", "--yes", "build"], 1, 0),
        (&["rotate", "--finish", "build"], 0, 0),
        (&["rotate", "build"], 0, 1),
        (&["rotate", "--finish", "--yes", "build"], 0, 1),
        (&["delete", "mail"], 2, 0),
        (&["delete", "--yes", "mail", "missing", "other"], 3, 2),
        (&["delete", "--confirm", "other", "build"], 2, 0),
        (&["delete", "--confirm", "build", "build"], 0, 1),
        (
            &[
                "generate",
                "smtp",
                "box",
                "--default",
                "--passphrase-file=pass",
            ],
            0,
            1,
        ),
        (
            &[
                "generate",
                "smtp",
                "more",
                "--default",
                "--passphrase-file=pass",
            ],
            4,
            0,
        ),
        (&["reveal", "--passphrase-file=pass"], 0, 1),
        (&["reveal", "--passphrase-file=wrong"], 1, 1),
        (&["reveal", "--passphrase-file=missing"], 2, 0),
        (&["reveal"], 2, 0),
        (
            &["regenerate", "--yes", "box", "--passphrase-file=wrong"],
            2,
            0,
        ),
        (
            &["regenerate", "--yes", "box", "--passphrase-file=pass"],
            0,
            1,
        ),
        (&["regenerate", "--yes", "box"], 0, 1),
        (&["reveal", "--passphrase-file=pass"], 3, 0),
        (&["list"], 0, 0),
        (&["log"], 0, 0),
    ] {
        Run::of(sandbox.command(args.iter().copied()).output().unwrap()).expect(status);
        logged += entries;
        assert_eq!(entries_of(&sandbox), logged, "{args:?}");
    }
    sandbox.run(["log", "verify"]).expect(0);
}

/// A vault with some log entries.
pub fn told() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    sandbox.generate(["smtp", "mail"]);
    sandbox
        .run(["describe", "ci", "the build server"])
        .expect(0);
    sandbox.run(["deactivate", "ci", "mail"]).expect(0);
    let mut command = sandbox.command(["activate", "ci"]);
    Run::of(command.env("SUDO_USER", "operator").output().unwrap()).expect(0);
    sandbox.run(["rename", "ci", "build"]).expect(0);
    sandbox.run(["delete", "--yes", "mail"]).expect(0);
    assert_eq!(entries_of(&sandbox), ENTRIES);
    sandbox.run(["log", "verify"]).expect(0);
    sandbox
}

fn entries_of(sandbox: &Sandbox) -> usize {
    let vault = Connection::open(sandbox.vault()).unwrap();
    let count: i64 = vault
        .query_row("SELECT count(*) FROM log", [], |row| row.get(0))
        .unwrap();
    count as usize
}

/// Whether `log verify` rejects a tampered copy of the vault.
fn is_found(sandbox: &Sandbox, forgery: &str) -> bool {
    let copy = sandbox.home().join("copy.db");
    fs::copy(sandbox.vault(), &copy).unwrap();
    Connection::open(&copy)
        .unwrap()
        .execute_batch(forgery)
        .unwrap_or_else(|error| panic!("{forgery}: {error}"));
    let run = sandbox.run([
        "log",
        "--verify",
        "--format=json",
        "--vault",
        copy.to_str().unwrap(),
    ]);
    run.status == 1 && run.json()["holds"] == false
}

fn edits() -> Vec<String> {
    let edit = |at| EDITS.map(|edit| format!("UPDATE log SET {edit} WHERE sequence = {at}"));
    (1..=ENTRIES).flat_map(edit).collect()
}

/// Removed entries, with or without a gap, and logs truncated at either end.
fn removals() -> Vec<String> {
    let removal = |at| {
        let gone = format!("DELETE FROM log WHERE sequence = {at}");
        let close = format!("{gone}; UPDATE log SET sequence = sequence - 1 WHERE sequence > {at}");
        let short = format!("DELETE FROM log WHERE sequence >= {at}");
        let late = format!("DELETE FROM log WHERE sequence <= {at}");
        let renumbered = format!("{late}; UPDATE log SET sequence = sequence - {at}");
        [gone, close, short, late, renumbered]
    };
    (1..=ENTRIES).flat_map(removal).collect()
}

/// Each entry duplicated, before each other and at the end.
fn insertions() -> Vec<String> {
    let insertion = |at: usize, from: usize| {
        // With a temporary number, so that making room does not move it twice.
        format!(
            "INSERT INTO log SELECT 1000, at, uid, user, sudo_user, host, command, key_id, key, change, hash
               FROM log WHERE sequence = {from};
             UPDATE log SET sequence = -sequence - 1 WHERE sequence BETWEEN {at} AND 999;
             UPDATE log SET sequence = -sequence WHERE sequence < 0;
             UPDATE log SET sequence = {at} WHERE sequence = 1000"
        )
    };
    let at = |at| (1..=ENTRIES).map(move |from| insertion(at, from));
    (1..=ENTRIES + 1).flat_map(at).collect()
}

/// Each pair swapped, with or without their hashes.
fn swaps() -> Vec<String> {
    let swap = |a: usize, b: usize| {
        let moved = format!(
            "UPDATE log SET sequence = 1000 WHERE sequence = {a};
             UPDATE log SET sequence = {a} WHERE sequence = {b};
             UPDATE log SET sequence = {b} WHERE sequence = 1000"
        );
        let hashes = format!(
            "CREATE TEMP TABLE old AS SELECT sequence, hash FROM log;
             {moved};
             UPDATE log SET hash = (SELECT hash FROM old WHERE old.sequence = log.sequence)"
        );
        [moved, hashes]
    };
    let with = |a| (a + 1..=ENTRIES).flat_map(move |b| swap(a, b));
    (1..=ENTRIES).flat_map(with).collect()
}

/// Alterations of the newest entry's second copy.
fn heads() -> Vec<String> {
    let back = |at| {
        format!(
            "UPDATE log_head SET (sequence, hash) = (SELECT sequence, hash FROM log WHERE sequence = {at})"
        )
    };
    let mut heads: Vec<String> = (1..ENTRIES).map(back).collect();
    heads.extend(
        [
            "DELETE FROM log_head",
            "UPDATE log_head SET sequence = sequence + 1",
            "UPDATE log_head SET hash = zeroblob(32)",
            "DELETE FROM log",
        ]
        .map(str::to_owned),
    );
    heads
}
