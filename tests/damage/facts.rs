//! Fields of keys that were edited by hand or corrupted: the audit log shows it, and so does
//! `doctor`.

use std::fs;

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::ledger;
use crate::sandbox::{Run, Sandbox};

/// One in this many bits is flipped; a number that reaches every bit of a byte in turn.
const ONE_IN: usize = 37;

/// All stored columns of keys and secrets.
const STORED: [(&str, &str); 2] = [
    ("keys", "SELECT * FROM keys ORDER BY id"),
    ("secrets", "SELECT * FROM secrets ORDER BY key_id, tail"),
];

/// A user of a mail server, with a hash that `doctor` accepts.
const USERS: &[u8] = b"old_user:{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2E$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Manual edits that change what a key may do.
const EDITS: [(&str, &str); 40] = [
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
        "UPDATE keys SET username = 'root' WHERE name = 'mail'",
        "mail",
    ),
    (
        "UPDATE secrets SET retires_at = retires_at + 9 WHERE retires_at > 0",
        "ci",
    ),
    ("UPDATE keys SET expired_at = 1", "web"),
    (
        "INSERT INTO policies (key_id, rotate_every) VALUES (1, 'never')",
        "web",
    ),
    (
        "INSERT INTO policies (key_id, grace) VALUES (1, '9h')",
        "web",
    ),
    (
        "INSERT INTO policies (key_id, after) VALUES (1, 'rm -r x')",
        "web",
    ),
    ("UPDATE keys SET created_at = created_at - 1", "web"),
    (
        "UPDATE secrets SET digest = randomblob(32) WHERE key_id = 1",
        "web",
    ),
    (
        "UPDATE secrets SET hash = (SELECT hash FROM secrets WHERE key_id = 2) WHERE key_id = 1",
        "web",
    ),
    ("UPDATE secrets SET digest = NULL WHERE key_id = 2", "mail"),
    (
        "UPDATE secrets SET hash = replace(hash, 'm=19456', 'm=19457') WHERE key_id = 2",
        "mail",
    ),
    (
        "UPDATE secrets SET created_at = created_at + 1 WHERE key_id = 1",
        "web",
    ),
    ("UPDATE secrets SET retired_at = 1 WHERE key_id = 1", "web"),
    (
        "UPDATE secrets SET tail = '0000000000000000' WHERE key_id = 1",
        "web",
    ),
    (
        "UPDATE secrets SET salt = zeroblob(32) WHERE key_id = 1",
        "web",
    ),
    ("UPDATE secrets SET salt = NULL WHERE key_id = 1", "web"),
    ("UPDATE secrets SET login = 'web' WHERE key_id = 2", "mail"),
    (
        "UPDATE secrets SET login = 'root' WHERE key_id = 5",
        "old_user",
    ),
    (
        "UPDATE secrets SET login = NULL WHERE key_id = 5",
        "old_user",
    ),
    (
        "UPDATE secrets SET digest = (SELECT digest FROM secrets WHERE key_id = 1)
         WHERE retires_at > 0",
        "ci",
    ),
    (
        "UPDATE secrets SET created_at = 1 WHERE retires_at > 0",
        "ci",
    ),
    ("DELETE FROM secrets WHERE retires_at > 0", "ci"),
    ("UPDATE keys SET networks = NULL", "shop"),
    ("UPDATE keys SET networks = '10.0.0.0/7'", "shop"),
    ("UPDATE keys SET senders = NULL", "shop"),
    (
        "UPDATE keys SET senders = 'null' WHERE name = 'mail'",
        "mail",
    ),
    ("UPDATE keys SET recipient_limit = NULL", "shop"),
    (
        "UPDATE keys SET recipient_limit = '9/day' WHERE name = 'mail'",
        "mail",
    ),
    ("DELETE FROM labels", "shop"),
    ("UPDATE labels SET value = 'test'", "shop"),
    ("INSERT INTO labels VALUES (1, 'env', 'prod')", "web"),
    ("UPDATE keys SET owner = NULL", "shop"),
    (
        "UPDATE keys SET owner = 'nobody' WHERE name = 'mail'",
        "mail",
    ),
    ("UPDATE keys SET decoy = 0", "planted"),
    ("UPDATE keys SET decoy = 1 WHERE name = 'web'", "web"),
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
        .run_with_input(["import", "dovecot", "-"], USERS)
        .expect(0);
    sandbox.generate(["smtp", "planted", "--decoy"]);
    sandbox.generate([
        "smtp",
        "shop",
        "--sender",
        "example.com",
        "--limit",
        "9/day",
        "--network",
        "10.0.0.0/8",
        "--label",
        "env=prod",
        "--owner",
        "team-shop",
    ]);
    sandbox
}

#[test]
fn an_edited_key_is_reported_and_can_only_be_deactivated_or_deleted() {
    for (edit, name) in EDITS {
        let sandbox = stocked();
        sandbox.run(["doctor"]).expect(0);
        let vault = Connection::open(sandbox.vault()).unwrap();
        vault.execute_batch(edit).unwrap();
        drop(vault);
        let doctor = sandbox.run(["doctor"]).expect(1);
        let named = format!("`{name}` does not match the audit log");
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
fn a_flipped_bit_that_changes_what_is_stored_is_named() {
    let sandbox = stocked();
    let good = fs::read(sandbox.vault()).unwrap();
    for (table, query) in STORED {
        let stored = rows(&sandbox, query).unwrap();
        let (mut changed, mut flipped) = (0, 0);
        for bit in bits_of(table, &sandbox, &good).step_by(ONE_IN) {
            let mut damaged = good.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(sandbox.vault(), &damaged).unwrap();
            flipped += 1;
            if rows(&sandbox, query).is_ok_and(|found| found == stored) {
                continue;
            }
            changed += 1;
            let doctor = sandbox.run(["doctor"]).expect(1);
            let is_named = |check: &str| doctor.stdout.contains(&format!("✗  {check}"));
            let is_any = ["whole", "facts", "keys"].into_iter().any(is_named);
            assert!(is_any, "{table}, bit {bit}: {doctor:?}");
        }
        assert!(changed > flipped / 3, "{table}: {changed} of {flipped}");
        fs::write(sandbox.vault(), &good).unwrap();
    }
}

#[test]
fn no_end_of_a_rotation_leaves_a_finding() {
    for end in [
        &["rotate", "ci", "--finish", "--yes"][..],
        &["rotate", "ci", "--abort", "--yes"],
        &["regenerate", "ci", "--yes"],
        &["delete", "ci", "--yes"],
    ] {
        let sandbox = stocked();
        Run::of(sandbox.command(end.iter().copied()).output().unwrap()).expect(0);
        sandbox.run(["doctor"]).expect(0);
    }
    let sandbox = stocked();
    ledger::retire(&sandbox, "ci", 1_000_000_000);
    sandbox.run(["rotate", "ci", "--grace", "1d"]).expect(0);
    sandbox.run(["doctor"]).expect(0);
    sandbox.run(["rotate", "ci", "--abort", "--yes"]).expect(0);
    sandbox.run(["rotate", "ci", "--grace", "1d"]).expect(0);
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn a_retired_secret_is_reported_missing() {
    let sandbox = stocked();
    ledger::retire(&sandbox, "ci", 1_000_000_000);
    sandbox.run(["list"]).expect(0);
    sandbox.run(["doctor"]).expect(0);
    crate::backup::edit(&sandbox.vault(), "DELETE FROM secrets WHERE retires_at > 0");
    let doctor = sandbox.run(["doctor"]).expect(1);
    assert!(
        doctor.stdout.contains("its retiring is nothing"),
        "{doctor:?}"
    );
}

#[test]
fn checksums_are_hidden_from_people_and_their_salt_is_deleted_with_the_secret() {
    let sandbox = stocked();
    let salts = "SELECT group_concat(hex(salt)) FROM secrets";
    let [salts] = &rows(&sandbox, salts).unwrap()[0][..] else {
        panic!("no salts");
    };
    let Value::Text(salts) = salts else {
        panic!("no salts: {salts:?}");
    };
    let salts: Vec<&str> = salts.split(',').collect();
    let mut each = salts.clone();
    each.sort_unstable();
    each.dedup();
    assert_eq!(each.len(), 8, "{salts:?}");
    let log = sandbox.run(["log", "--format", "json"]).expect(0).json();
    let checksums = log.to_string().matches(r#""field":"checksum""#).count();
    assert_eq!(checksums, 8, "{log}");
    for format in ["text", "csv"] {
        let log = sandbox.run(["log", "--format", format]).expect(0);
        assert!(!log.stdout.contains("checksum"), "{log:?}");
    }
    for name in ["web", "mail", "off", "ci", "old_user", "planted", "shop"] {
        sandbox.run(["delete", name, "--yes"]).expect(0);
    }
    let vault = fs::read(sandbox.vault()).unwrap();
    for salt in salts {
        let bytes: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&salt[2 * at..][..2], 16).unwrap())
            .collect();
        let is_left = vault.windows(32).any(|window| window == bytes);
        assert!(!is_left, "{salt}");
    }
}

/// The used bits of the page with a table.
fn bits_of(table: &str, sandbox: &Sandbox, vault: &[u8]) -> std::ops::Range<usize> {
    let connection = Connection::open(sandbox.vault()).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root: u32 = connection
        .query_row(root, [table], |row| row.get(0))
        .unwrap();
    let start = (root as usize - 1) * 4096;
    // The start of the cells (https://www.sqlite.org/fileformat2.html, section 1.6).
    let content = usize::from(u16::from_be_bytes([vault[start + 5], vault[start + 6]]));
    (start + content) * 8..(start + 4096) * 8
}

fn rows(sandbox: &Sandbox, query: &str) -> rusqlite::Result<Vec<Vec<Value>>> {
    let vault = Connection::open(sandbox.vault())?;
    let mut statement = vault.prepare(query)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns).map(|column| row.get(column)).collect()
    })?;
    rows.collect()
}
