//! Vaults of another schema: a newer one, an older one, and one that somebody added to.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rusqlite::Connection;

use crate::place::refused::commands;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::run_with_input;

const FIXTURE: &str = include_str!("../fixtures/vault-v1.sql");

const FOREIGN: [(&str, &str); 7] = [
    ("PRAGMA user_version = 99", "has schema 99"),
    ("PRAGMA application_id = 99", "is not a postkey vault"),
    ("PRAGMA application_id = 0", "is not a postkey vault"),
    ("CREATE TABLE stowaway (x)", "foreign table `stowaway`"),
    (
        "CREATE VIEW peephole AS SELECT hash FROM secrets",
        "foreign view `peephole`",
    ),
    (
        "CREATE INDEX shortcut ON secrets (hash)",
        "foreign index `shortcut`",
    ),
    (
        "CREATE TRIGGER backdoor AFTER UPDATE ON keys BEGIN DELETE FROM log; END",
        "foreign trigger `backdoor`",
    ),
];

#[test]
fn a_newer_or_foreign_schema_is_refused_by_every_command_and_not_touched() {
    let secret = Sandbox::new().generate(["api", "ci"]);
    for (change, named) in FOREIGN {
        let sandbox = Sandbox::new();
        sandbox.generate(["api", "ci"]);
        Connection::open(sandbox.vault())
            .unwrap()
            .execute_batch(change)
            .unwrap();
        let before = fs::read(sandbox.vault()).unwrap();
        for args in commands() {
            let run = run_with_input(&sandbox, args, &secret).expect(5);
            assert!(run.stderr.contains(named), "{args:?}: {run:?}");
            assert!(
                run.stderr.contains("hint: ") && run.stdout.is_empty(),
                "{run:?}"
            );
            assert_eq!(fs::read(sandbox.vault()).unwrap(), before, "{args:?}");
        }
    }
}

#[test]
fn the_first_schema_is_listed_and_its_secrets_verify() {
    let sandbox = Sandbox::new();
    let vault = restored(&sandbox);
    let vault = vault.to_str().unwrap();
    let list = sandbox
        .run(["list", "--vault", vault, "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(
        (&list[0]["name"], &list[0]["limit"]),
        (&"reports".into(), &"20000/day".into())
    );
    assert_eq!(
        (&list[1]["name"], &list[1]["username"]),
        (&"rails-app".into(), &"rails_prod".into())
    );
    for name in ["reports", "rails-app"] {
        let run =
            run_with_input(&sandbox, &["verify", "--vault", vault], secret_of(name)).expect(0);
        assert!(run.stdout.contains(&format!("`{name}`")), "{run:?}");
    }
    let log = sandbox.run(["log", "--verify", "--vault", vault]).expect(0);
    assert!(log.stdout.contains("4 entries"), "{log:?}");
}

#[test]
fn the_first_schema_can_be_changed() {
    let sandbox = Sandbox::new();
    let vault = restored(&sandbox);
    let vault = vault.to_str().unwrap();
    sandbox
        .run(["regenerate", "--yes", "reports", "--vault", vault])
        .expect(0);
    sandbox
        .run(["delete", "--yes", "rails-app", "--vault", vault])
        .expect(0);
    for name in ["reports", "rails-app"] {
        run_with_input(&sandbox, &["verify", "--vault", vault], secret_of(name)).expect(1);
    }
    let log = sandbox.run(["log", "--verify", "--vault", vault]).expect(0);
    assert!(log.stdout.contains("6 entries"), "{log:?}");
}

fn restored(sandbox: &Sandbox) -> PathBuf {
    let path = sandbox.home().join("vault-v1.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch(FIXTURE)
        .unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

/// The secret that the fixture's comment names.
fn secret_of(name: &str) -> &'static str {
    let start = format!("-- {name} ");
    FIXTURE
        .lines()
        .find_map(|line| line.strip_prefix(&start))
        .unwrap()
        .trim()
}
