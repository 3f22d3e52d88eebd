//! Facts of keys that were edited by hand or damaged: the audit log tells, and so does `doctor`.

use std::fs;

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::sandbox::{Run, Sandbox};

/// Of how many bits one is flipped: a number that falls on every bit of a byte in turn.
const ONE_IN: usize = 37;

/// What is judged of a key. When it was made is not.
const JUDGED: &str = "SELECT id, name, kind, status, username, permission, request_limit,
                      description, expires_at, expired_at FROM keys ORDER BY id";

/// Edits by hand that change what a key may do.
const EDITS: [(&str, &str); 9] = [
    (
        "UPDATE keys SET status = 'active' WHERE name = 'off'",
        "off",
    ),
    ("UPDATE keys SET expires_at = expires_at + 1", "web"),
    ("UPDATE keys SET expires_at = NULL", "web"),
    (
        "UPDATE keys SET permission = 'full' WHERE name = 'web'",
        "web",
    ),
    ("UPDATE keys SET request_limit = NULL", "web"),
    (
        "UPDATE keys SET username = 'root' WHERE kind = 'smtp'",
        "mail",
    ),
    (
        "UPDATE secrets SET retires_at = retires_at + 9 WHERE retires_at > 0",
        "ci",
    ),
    ("UPDATE keys SET expired_at = 1", "web"),
    ("INSERT INTO policies VALUES (1, 'never', NULL)", "web"),
];

fn stocked() -> Sandbox {
    let sandbox = Sandbox::new();
    let web = [
        "api",
        "web",
        "--permission",
        "read-only",
        "--limit",
        "9/day",
        "--expires",
        "90d",
    ];
    sandbox.generate(web);
    sandbox.generate([
        "smtp",
        "mail",
        "--username",
        "mail_user",
        "--description",
        "newsletter",
    ]);
    sandbox.generate(["api", "off", "--inactive"]);
    sandbox.generate(["api", "ci"]);
    sandbox.run(["rotate", "ci", "--grace", "9d"]).expect(0);
    sandbox
}

#[test]
fn an_edit_by_hand_is_named_and_the_key_takes_no_change_but_its_end() {
    for (edit, name) in EDITS {
        let sandbox = stocked();
        sandbox.run(["doctor"]).expect(0);
        let vault = Connection::open(sandbox.vault()).unwrap();
        vault.execute_batch(edit).unwrap();
        drop(vault);
        let doctor = sandbox.run(["doctor"]).expect(1);
        let named = format!("`{name}` is not what the audit log says");
        assert!(doctor.stdout.contains(&named), "{edit}: {doctor:?}");
        for args in [
            &["describe", name, "other"][..],
            &["set", name, "--rotate-every", "30d"],
            &["activate", name],
            &["rename", name, "other"],
            &["regenerate", name, "--yes"],
        ] {
            let run = Run::of(sandbox.command(args.iter().copied()).output().unwrap()).expect(5);
            assert!(run.stderr.contains(&named), "{edit}: {args:?}: {run:?}");
            assert!(run.stdout.is_empty(), "{edit}: {args:?}: {run:?}");
        }
        let stopped = sandbox.run(["deactivate", name]).expect(0);
        assert!(stopped.stderr.contains(&named), "{edit}: {stopped:?}");
        sandbox.run(["delete", name, "--yes"]).expect(0);
        let doctor = sandbox.run(["doctor"]);
        assert!(!doctor.stdout.contains(&named), "{edit}: {doctor:?}");
    }
}

#[test]
fn a_flipped_bit_that_changes_a_judged_fact_is_named() {
    let sandbox = stocked();
    let good = fs::read(sandbox.vault()).unwrap();
    let facts = judged(&sandbox).unwrap();
    let (mut changed, mut flipped) = (0, 0);
    for bit in bits_of_keys(&sandbox, &good).step_by(ONE_IN) {
        let mut damaged = good.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(sandbox.vault(), &damaged).unwrap();
        flipped += 1;
        if judged(&sandbox).is_ok_and(|found| found == facts) {
            continue;
        }
        changed += 1;
        let doctor = sandbox.run(["doctor"]).expect(1);
        let is_named = |check: &str| doctor.stdout.contains(&format!("✗  {check}"));
        let is_any = ["whole", "facts", "keys"].into_iter().any(is_named);
        assert!(is_any, "bit {bit}: {doctor:?}");
    }
    assert!(changed > flipped / 3, "{changed} of {flipped}");
}

/// The bits of the page that holds the keys, as far as it is in use.
fn bits_of_keys(sandbox: &Sandbox, vault: &[u8]) -> std::ops::Range<usize> {
    let connection = Connection::open(sandbox.vault()).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'keys'";
    let root: u32 = connection.query_row(root, [], |row| row.get(0)).unwrap();
    let start = (root as usize - 1) * 4096;
    // Where the cells begin (https://www.sqlite.org/fileformat2.html, section 1.6).
    let content = usize::from(u16::from_be_bytes([vault[start + 5], vault[start + 6]]));
    (start + content) * 8..(start + 4096) * 8
}

fn judged(sandbox: &Sandbox) -> rusqlite::Result<Vec<Vec<Value>>> {
    let vault = Connection::open(sandbox.vault())?;
    let mut statement = vault.prepare(JUDGED)?;
    let rows = statement.query_map([], |row| (0..10).map(|column| row.get(column)).collect())?;
    rows.collect()
}
