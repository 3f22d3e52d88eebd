//! A modified, moved or restored seal reveals nothing.

use rusqlite::Connection;

use crate::sandbox::Sandbox;

/// A modification of each column, and the exit status: damage if it is detected as such, otherwise
/// a wrong passphrase.
const ALTERATIONS: [(&str, i32); 22] = [
    ("key_id = (SELECT id FROM keys WHERE name = 'other')", 5),
    ("key_id = 99", 5),
    ("tail = 'AAAAAAAAAAAAAAAA'", 5),
    ("tail = (SELECT tail FROM secrets WHERE key_id = 2)", 5),
    ("tail = lower(tail)||''", 5),
    ("kdf = '$argon2id$v=19$m=65536,t=2,p=1'", 1),
    ("kdf = '$argon2id$v=19$m=32768,t=3,p=1'", 1),
    (
        "kdf = '$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHRzYWx0c2E'",
        1,
    ),
    ("kdf = '$argon2id$v=19$m=4194304,t=3,p=1'", 5),
    ("kdf = '$argon2id$v=19$m=65536,t=4000000,p=1'", 5),
    ("kdf = '$argon2i$v=19$m=65536,t=3,p=1'", 5),
    ("kdf = ''", 5),
    ("kdf = x'00'", 5),
    ("salt = randomblob(16)", 1),
    ("salt = randomblob(15)", 5),
    ("nonce = randomblob(24)", 1),
    ("nonce = randomblob(12)", 5),
    ("secret = randomblob(length(secret))", 1),
    ("secret = substr(secret, 1, length(secret) - 1)", 1),
    ("secret = secret || x'00'", 5),
    ("secret = x''", 1),
    ("secret = 'xsmtppost'", 5),
];

#[test]
fn an_altered_seal_shows_nothing() {
    for (alteration, status) in ALTERATIONS {
        let (sandbox, _) = Sandbox::with_default_key();
        sandbox.generate(["smtp", "other"]);
        sandbox.alter(&format!(
            "PRAGMA foreign_keys = OFF; UPDATE sealed SET {alteration}"
        ));
        let run = sandbox.reveal();
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (status, ""),
            "{alteration}: {run:?}"
        );
        sandbox.run(["list"]).expect(0);
        sandbox.run(["log", "verify"]).expect(0);
    }
}

#[test]
fn every_altered_byte_of_the_seal_is_noticed() {
    let (sandbox, secret) = Sandbox::with_default_key();
    let vault = Connection::open(sandbox.vault()).unwrap();
    let select = "SELECT secret FROM sealed";
    let good: Vec<u8> = vault.query_row(select, [], |row| row.get(0)).unwrap();
    assert_eq!(good.len(), secret.len() + 16);
    let update = |bytes: &[u8]| {
        vault
            .execute("UPDATE sealed SET secret = ?1", [bytes])
            .unwrap()
    };
    for at in (0..good.len()).step_by(10) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        update(&bad);
        assert_eq!(sandbox.reveal().expect(1).stdout, "", "byte {at}");
    }
    update(&good);
    assert_eq!(sandbox.reveal().expect(0).secret(), secret);
}

#[test]
fn a_seal_that_was_brought_from_another_vault_shows_nothing() {
    let (here, secret) = Sandbox::with_default_key();
    let (there, _) = Sandbox::with_default_key();
    // With the key's own secret, so that only the vault differs.
    there.alter(&format!(
        "ATTACH '{}' AS here;
         DELETE FROM sealed; DELETE FROM secrets;
         INSERT INTO secrets SELECT * FROM here.secrets;
         INSERT INTO sealed SELECT * FROM here.sealed",
        here.vault().display()
    ));
    assert_eq!(there.verify(&secret).0, "accepted");
    let run = there.reveal().expect(1);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains("the sealed secret was altered"),
        "{run:?}"
    );
    assert_eq!(here.reveal().expect(0).secret(), secret);
}

#[test]
fn a_seal_for_another_key_shows_nothing() {
    let (sandbox, _) = Sandbox::with_default_key();
    sandbox.generate(["smtp", "other"]);
    // The other key gets the secret together with the seal.
    sandbox.alter(
        "PRAGMA foreign_keys = OFF; DELETE FROM secrets WHERE key_id = 2;
         UPDATE secrets SET key_id = 2; UPDATE sealed SET key_id = 2",
    );
    assert_eq!(sandbox.reveal().expect(1).stdout, "");
}

#[test]
fn a_restored_old_seal_reveals_nothing() {
    let (sandbox, _) = Sandbox::with_default_key();
    let vault = Connection::open(sandbox.vault()).unwrap();
    vault
        .execute_batch("CREATE TEMP TABLE old AS SELECT * FROM sealed")
        .unwrap();
    sandbox.run(["regenerate", "--yes", "mail"]).expect(0);
    vault
        .execute_batch("INSERT INTO sealed SELECT * FROM old")
        .unwrap();
    drop(vault);
    let run = sandbox.reveal().expect(5);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr
            .contains("does not belong to the key's current secret"),
        "{run:?}"
    );
    // It belongs to no key, and blocks none.
    assert_eq!(sandbox.show("mail")["is_default"], false);
    let second = [
        "generate",
        "smtp",
        "new",
        "--default",
        "--passphrase-file=pass",
    ];
    let new = sandbox.run(second).expect(0).secret();
    assert_eq!(sandbox.reveal().expect(0).secret(), new);
}
