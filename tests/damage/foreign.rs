//! Vaults with another schema: newer, older, or extended by somebody.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::place::mounts::{expect_mounts, run_mounted};
use crate::place::read_only::READ_ONLY;
use crate::place::refused::commands;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::{paths, run_with_input};
use crate::serve::lookalikes::Lookalikes;

const FIRST: &str = include_str!("../fixtures/vault-v1.sql");
const SECOND: &str = include_str!("../fixtures/vault-v2.sql");
const THIRD: &str = include_str!("../fixtures/vault-v3.sql");
const FOURTH: &str = include_str!("../fixtures/vault-v4.sql");
const FIFTH: &str = include_str!("../fixtures/vault-v5.sql");
const SIXTH: &str = include_str!("../fixtures/vault-v6.sql");
const EIGHTH: &str = include_str!("../fixtures/vault-v8.sql");
const NINTH: &str = include_str!("../fixtures/vault-v9.sql");
const TENTH: &str = include_str!("../fixtures/vault-v10.sql");

const FOREIGN: [(&str, &str); 9] = [
    (
        "DROP VIEW smtp_login; CREATE VIEW smtp_login (username, tail, password)
           AS SELECT 'root', '', '{PLAIN}x'",
        "an altered view `smtp_login`",
    ),
    (
        "DROP INDEX keys_own_username",
        "no index `keys_own_username`",
    ),
    ("PRAGMA user_version = 99", "has schema version 99"),
    ("PRAGMA application_id = 99", "is not a postkey vault"),
    ("PRAGMA application_id = 0", "is not a postkey vault"),
    ("CREATE TABLE stowaway (x)", "unexpected table `stowaway`"),
    (
        "CREATE VIEW peephole AS SELECT hash FROM secrets",
        "unexpected view `peephole`",
    ),
    (
        "CREATE INDEX shortcut ON secrets (hash)",
        "unexpected index `shortcut`",
    ),
    (
        "CREATE TRIGGER backdoor AFTER UPDATE ON keys BEGIN DELETE FROM log; END",
        "unexpected trigger `backdoor`",
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
        let run = run_with_input(
            &sandbox,
            &["verify", "--vault", vault],
            secret_of(FIRST, name),
        )
        .expect(0);
        assert!(run.stdout.contains(&format!("`{name}`")), "{run:?}");
    }
    let log = sandbox.run(["log", "verify", "--vault", vault]).expect(0);
    // There were four; each presented secret has its digest now.
    assert!(log.stdout.contains("6 entries"), "{log:?}");
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
        run_with_input(
            &sandbox,
            &["verify", "--vault", vault],
            secret_of(FIRST, name),
        )
        .expect(1);
    }
    let log = sandbox.run(["log", "verify", "--vault", vault]).expect(0);
    assert!(log.stdout.contains("6 entries"), "{log:?}");
}

#[test]
fn an_older_vault_is_copied_beside_and_then_has_the_view_of_mail_servers() {
    let sandbox = Sandbox::new();
    let vault = restored(&sandbox);
    let path = vault.to_str().unwrap();
    let before = schema(&vault);
    sandbox
        .run(["deactivate", "reports", "--vault", path])
        .expect(0);
    let copy = sandbox.home().join("vault-v1.db.schema-1");
    assert_eq!(schema(&copy), before);
    assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o7777, 0o600);
    let (version, tails) = schema(&vault);
    assert_eq!(
        (version, tails),
        (11, Some(vec![tail_of(FIRST, "rails-app")]))
    );
    assert_eq!(paths(sandbox.home()).len(), 2);
    // It contains the previous vault, to go back to.
    let list = [
        "list",
        "--status",
        "active",
        "--vault",
        copy.to_str().unwrap(),
    ];
    let run = sandbox.run(list).expect(0);
    assert!(run.stdout.contains("reports"), "{run:?}");
}

#[test]
fn an_older_vault_that_cannot_be_written_is_listed_and_verified_as_it_is() {
    expect_mounts();
    let sandbox = Sandbox::new();
    let vault = restored(&sandbox);
    let before = fs::read(&vault).unwrap();
    let run = |args: &[&str]| {
        let args = [args, &["--vault", vault.to_str().unwrap()]].concat();
        let script = format!("exec <secret; {READ_ONLY}");
        run_mounted(&sandbox, &script, sandbox.home(), &args)
    };
    fs::write(sandbox.home().join("secret"), secret_of(FIRST, "reports")).unwrap();
    let list = run(&["list"]).expect(0);
    assert!(list.stdout.contains("rails-app"), "{list:?}");
    let shown = run(&["show", "reports"]).expect(0);
    assert!(shown.stdout.contains("every 90d (default)"), "{shown:?}");
    let found = run(&["check", "--older-than", "1s"]).expect(1);
    assert!(found.stdout.contains(" rotate reports"), "{found:?}");
    let verdict = run(&["verify"]).expect(0);
    assert!(verdict.stdout.contains("`reports`"), "{verdict:?}");
    for args in [&["deactivate", "reports"][..], &["connect", "dovecot"]] {
        let refused = run(args).expect(5);
        assert!(
            refused.stderr.contains("read-only"),
            "{args:?}: {refused:?}"
        );
    }
    assert_eq!(fs::read(&vault).unwrap(), before);
    assert_eq!(paths(sandbox.home()).len(), 2);
}

#[test]
fn the_second_schema_is_copied_beside_and_brought_up_to_date() {
    let sandbox = Sandbox::new();
    let vault = restored_from(&sandbox, SECOND, "vault-v2.db");
    let path = vault.to_str().unwrap();
    for (name, status) in [("reports", 0), ("rails-app", 0), ("web", 0), ("cron", 1)] {
        let secret = secret_of(SECOND, name);
        let verify = ["verify", "--no-record", "--vault", path];
        let run = run_with_input(&sandbox, &verify, secret).expect(status);
        assert!(run.stdout.contains(&format!("`{name}`")), "{run:?}");
    }
    let tails = ["rails-app", "web"].map(|name| tail_of(SECOND, name));
    sandbox.run(["activate", "cron", "--vault", path]).expect(0);
    sandbox
        .run(["deactivate", "cron", "--vault", path])
        .expect(0);
    assert_eq!(schema(&vault), (11, Some(tails.to_vec())));
    let log = sandbox.run(["log", "verify", "--vault", path]).expect(0);
    assert!(log.stdout.contains("7 entries"), "{log:?}");
    let copy = sandbox.home().join("vault-v2.db.schema-2");
    assert_eq!(schema(&copy), (2, Some(tails.to_vec())));
    assert_eq!(paths(sandbox.home()).len(), 2);
}

#[test]
fn the_third_schema_keeps_its_rotation_its_rules_and_its_default_key() {
    let sandbox = Sandbox::new();
    let vault = restored_from(&sandbox, THIRD, "vault-v3.db");
    let path = vault.to_str().unwrap();
    let tails = ["rails-app", "web", "office"].map(|name| tail_of(THIRD, name));
    for (name, key, status) in [
        ("reports", "reports", 0),
        ("rails-app", "rails-app", 0),
        ("web", "web", 0),
        ("cron", "cron", 1),
        ("office", "office-mail", 0),
        ("ci", "ci", 0),
    ] {
        let verify = ["verify", "--no-record", "--vault", path];
        let run = run_with_input(&sandbox, &verify, secret_of(THIRD, name)).expect(status);
        assert!(run.stdout.contains(&format!("`{key}`")), "{run:?}");
    }
    assert_eq!(schema(&vault), (11, Some(tails.to_vec())));
    let copy = sandbox.home().join("vault-v3.db.schema-3");
    assert_eq!(schema(&copy), (3, Some(tails.to_vec())));
    let shown = ["show", "reports", "--format", "json", "--vault", path];
    let policy = &sandbox.run(shown).expect(0).json()["policy"];
    assert!(policy.to_string().contains("30d"), "{policy}");
    let passphrase = sandbox.home().join("passphrase");
    fs::write(&passphrase, "correct horse battery staple\n").unwrap();
    fs::set_permissions(&passphrase, Permissions::from_mode(0o600)).unwrap();
    let file = passphrase.to_str().unwrap();
    let reveal = ["reveal", "--passphrase-file", file, "--vault", path];
    let revealed = sandbox.run(reveal).expect(0);
    assert_eq!(revealed.secret(), secret_of(THIRD, "office"));
    let users = b"old_user:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=";
    let import = ["import", "dovecot", "-", "--vault", path];
    sandbox.run_with_input(import, users).expect(0);
    sandbox.run(["log", "verify", "--vault", path]).expect(0);
}

#[test]
fn the_fourth_schema_notes_what_had_ended_and_keeps_the_rest() {
    let sandbox = Sandbox::new();
    let vault = restored_from(&sandbox, FOURTH, "vault-v4.db");
    let path = vault.to_str().unwrap();
    for (name, verdict) in [
        ("reports", "accepted"),
        ("cron", "inactive"),
        ("old-ci", "accepted"),
        ("ci", "accepted"),
        ("old-web", "retired"),
        ("web2", "accepted"),
        ("brief", "expired"),
        ("gone", "unknown"),
    ] {
        let verify = ["verify", "--vault", path];
        let run = run_with_input(&sandbox, &verify, secret_of(FOURTH, name));
        assert!(run.stdout.starts_with(verdict), "{name}: {run:?}");
    }
    let tails = ["web2", "rails-app", "web", "office"].map(|name| tail_of(FOURTH, name));
    let tails = [tails.to_vec(), vec![String::new()]].concat();
    let copy = sandbox.home().join("vault-v4.db.schema-4");
    let (found, before) = (schema(&vault), schema(&copy));
    assert_eq!((found.0, before.0), (11, 4));
    let sorted = |tails: Option<Vec<String>>| {
        let mut tails = tails.unwrap();
        tails.sort();
        tails
    };
    assert_eq!(sorted(found.1), sorted(Some(tails)));
    let log = sandbox.run(["log", "--vault", path, "--action", "expire"]);
    let log = log.expect(0).stdout;
    assert!(log.contains("short") && log.contains("web2"), "{log}");
    sandbox.run(["log", "verify", "--vault", path]).expect(0);
}

#[test]
fn an_older_vault_has_no_contradictions() {
    for fixture in [
        FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, EIGHTH, NINTH, TENTH,
    ] {
        let sandbox = Sandbox::new();
        let vault = restored_from(&sandbox, fixture, "older.db");
        let path = vault.to_str().unwrap();
        sandbox
            .run(["describe", "reports", "same", "--vault", path])
            .expect(0);
        let doctor = sandbox.run(["doctor", "--vault", path]);
        assert!(doctor.stdout.contains("✓  facts"), "{doctor:?}");
        assert!(doctor.stdout.contains("✓  schema"), "{doctor:?}");
    }
}

#[test]
fn a_keys_own_policy_counts_in_an_older_vault_that_cannot_be_written() {
    expect_mounts();
    for fixture in [THIRD, TENTH] {
        let sandbox = Sandbox::new();
        let vault = restored_from(&sandbox, fixture, "older.db");
        let args = ["show", "reports", "--vault", vault.to_str().unwrap()];
        let run = run_mounted(&sandbox, READ_ONLY, sandbox.home(), &args).expect(0);
        let own = sandbox.run(args).expect(0);
        let rule = |text: &str| {
            text.lines()
                .find(|line| line.starts_with("rotate "))
                .map(str::to_owned)
        };
        assert!(run.stdout.contains("every 30d (key)"), "{run:?}");
        assert_eq!(rule(&run.stdout), rule(&own.stdout));
    }
}

/// Differences that a log of schema 5 cannot rule out: it has no checksums, and old secrets were
/// removed without an entry.
const UNPROVEN: [&str; 3] = [
    "UPDATE secrets SET created_at = 1, hash = hash || 'A' WHERE key_id = 1",
    "UPDATE keys SET created_at = 1",
    "DELETE FROM secrets WHERE retires_at IS NOT NULL",
];

#[test]
fn missing_entries_of_schema_5_are_no_findings() {
    let sandbox = Sandbox::new();
    let vault = restored_from(&sandbox, FIFTH, "vault-v5.db");
    let path = vault.to_str().unwrap();
    for edit in UNPROVEN {
        crate::backup::edit(&vault, edit);
        let doctor = sandbox.run(["doctor", "--vault", path]);
        assert!(doctor.stdout.contains("✓  facts"), "{edit}: {doctor:?}");
    }
    let regenerate = ["regenerate", "reports", "--yes", "--vault", path];
    sandbox.run(regenerate).expect(0);
    assert_eq!(schema(&vault).0, 11);
    let copy = sandbox.home().join("vault-v5.db.schema-5");
    assert_eq!(schema(&copy).0, 5);
    let salted = "SELECT group_concat(key_id) FROM secrets WHERE salt IS NOT NULL";
    let salted = Connection::open(&vault)
        .unwrap()
        .query_row(salted, [], |row| row.get::<_, String>(0));
    assert_eq!(salted.unwrap(), "1");
    crate::backup::edit(&vault, UNPROVEN[0]);
    let doctor = sandbox.run(["doctor", "--vault", path]).expect(1);
    assert!(doctor.stdout.contains("✗  facts"), "{doctor:?}");
    sandbox.run(["log", "verify", "--vault", path]).expect(0);
}

#[test]
fn an_older_secret_gets_its_digest_when_it_is_presented_and_only_then() {
    let sandbox = Sandbox::new();
    let vault = restored_from(&sandbox, SIXTH, "vault-v6.db");
    let path = vault.to_str().unwrap();
    let verify = |name: &str, flags: &[&str]| {
        let args = [&["verify", "--vault", path][..], flags].concat();
        let run = run_with_input(&sandbox, &args, secret_of(SIXTH, name));
        run.stdout.split(':').next().unwrap().to_owned()
    };
    assert_eq!(verify("reports", &["--no-record"]), "accepted");
    assert_eq!(kept(&vault, "NOT NULL"), [""; 0]);
    // A wrong secret with its tail does not store a digest.
    let lookalike = Lookalikes::of(secret_of(SIXTH, "reports")).next().unwrap();
    let wrong = sandbox.run_with_input(["verify", "--vault", path], lookalike.as_bytes());
    assert!(wrong.stdout.starts_with("mismatch"), "{wrong:?}");
    assert_eq!(kept(&vault, "NOT NULL"), [""; 0]);
    for _ in 0..2 {
        for (name, verdict) in [
            ("reports", "accepted"),
            ("rails-app", "accepted"),
            ("cron", "inactive"),
            ("old-ci", "accepted"),
            ("old-web", "retired"),
            ("gone", "unknown"),
        ] {
            assert_eq!(verify(name, &[]), verdict, "{name}");
        }
    }
    let names = ["reports", "rails-app", "cron", "old-ci", "old-web"];
    let mut tails = names.map(|name| tail_of(SIXTH, name));
    tails.sort();
    assert_eq!(kept(&vault, "NOT NULL"), tails);
    // Mail servers need the hashes of SMTP secrets; nobody needs those of API keys.
    let mut without = ["reports", "old-ci"].map(|name| tail_of(SIXTH, name));
    without.sort();
    assert_eq!(kept(&vault, "NOT NULL AND hash IS NULL"), without);
    let log = sandbox.run(["log", "--vault", path, "--action", "verify"]);
    assert_eq!(log.expect(0).stdout.matches("digest kept").count(), 5);
    sandbox.run(["log", "verify", "--vault", path]).expect(0);
    let doctor = sandbox.run(["doctor", "--vault", path]);
    assert!(doctor.stdout.contains("✓  facts"), "{doctor:?}");
}

#[test]
fn an_older_secret_of_a_key_that_contradicts_its_log_gets_no_digest() {
    let sandbox = Sandbox::new();
    let vault = restored_from(&sandbox, SIXTH, "vault-v6.db");
    let path = vault.to_str().unwrap();
    sandbox
        .run(["describe", "ci", "x", "--vault", path])
        .expect(0);
    crate::backup::edit(&vault, "UPDATE keys SET permission = 'full' WHERE id = 1");
    let verify = ["verify", "--vault", path];
    let run = run_with_input(&sandbox, &verify, secret_of(SIXTH, "reports"));
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(kept(&vault, "NOT NULL"), [""; 0]);
}

/// The tails of secrets with this digest.
fn kept(vault: &Path, so: &str) -> Vec<String> {
    let vault = Connection::open(vault).unwrap();
    let query = format!("SELECT tail FROM secrets WHERE digest IS {so} ORDER BY tail");
    let mut statement = vault.prepare(&query).unwrap();
    let tails = statement.query_map([], |row| row.get(0)).unwrap();
    tails.map(Result::unwrap).collect()
}

/// The schema version, and the tails in the view for mail servers, if it has one.
fn schema(vault: &Path) -> (i64, Option<Vec<String>>) {
    let vault = Connection::open(vault).unwrap();
    let version = vault.pragma_query_value(None, "user_version", |row| row.get(0));
    let rows = vault
        .prepare("SELECT tail FROM smtp_login ORDER BY username DESC")
        .ok();
    let tails = rows.map(|mut rows| {
        let tails = rows.query_map([], |row| row.get(0)).unwrap();
        tails.map(Result::unwrap).collect()
    });
    (version.unwrap(), tails)
}

fn restored(sandbox: &Sandbox) -> PathBuf {
    restored_from(sandbox, FIRST, "vault-v1.db")
}

fn restored_from(sandbox: &Sandbox, fixture: &str, name: &str) -> PathBuf {
    let path = sandbox.home().join(name);
    Connection::open(&path)
        .unwrap()
        .execute_batch(fixture)
        .unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

/// The secret in the fixture's comment.
fn secret_of<'a>(fixture: &'a str, name: &str) -> &'a str {
    let start = format!("-- {name} ");
    fixture
        .lines()
        .find_map(|line| line.strip_prefix(&start))
        .unwrap()
        .trim()
}

fn tail_of(fixture: &str, name: &str) -> String {
    let secret = secret_of(fixture, name);
    secret[secret.len() - 16..].to_owned()
}
