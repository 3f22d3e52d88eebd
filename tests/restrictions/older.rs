//! A vault with schema 9, which knew no restrictions of SMTP keys.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::Connection;

use super::run;
use crate::backup::vault_of;
use crate::sandbox::{Run, Sandbox};

const NINTH: &str = include_str!("../fixtures/vault-v9.sql");

/// The secrets in the fixture, with their verdicts.
const VERDICTS: [(&str, &str); 7] = [
    ("reports", "accepted"),
    ("rails-app", "accepted"),
    ("cron", "inactive"),
    ("old-web", "replaced"),
    ("web", "accepted"),
    ("gone", "deleted"),
    ("bait", "decoy"),
];

fn secret_of(name: &str) -> &'static str {
    let lines = NINTH.lines().filter_map(|line| line.strip_prefix("-- "));
    let mut named = lines.filter_map(|line| line.split_once(' '));
    named.find(|(of, _)| *of == name).unwrap().1.trim()
}

/// What Dovecot reads: each username with its networks.
fn logins(vault: &Path) -> Vec<(String, Option<String>)> {
    let vault = Connection::open(vault).unwrap();
    let query = "SELECT username, allow_nets FROM smtp_login ORDER BY username";
    let mut statement = vault.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_vault_with_schema_9_can_get_restrictions() {
    let sandbox = Sandbox::new();
    let vault = sandbox.home().join("older.db");
    vault_of(NINTH, &vault);
    let path = vault.to_str().unwrap();
    let expect_verdicts = || {
        for (name, verdict) in VERDICTS {
            for address in [&[][..], &["--ip", "192.0.2.1"]] {
                let line = [&["verify", "--vault", path, "--no-record"][..], address].concat();
                let mut command = sandbox.command(line);
                let file = sandbox.home().join("secret");
                fs::write(&file, secret_of(name)).unwrap();
                command.stdin(File::open(&file).unwrap());
                let told = Run::of(command.output().unwrap()).stdout;
                assert!(told.starts_with(&format!("{verdict}:")), "{name}: {told}");
            }
        }
    };
    let listed = sandbox.run(["list", "--vault", path, "--format", "json"]);
    for key in listed.expect(0).json().as_array().unwrap() {
        assert!(
            key["senders"].is_null() && key["networks"].is_null(),
            "{key}"
        );
    }
    expect_verdicts();
    let restrict = "set rails-app --network 10.0.0.0/8 --sender example.com --limit 5/day --vault";
    run(&sandbox, &format!("{restrict} {path}")).expect(0);
    let schema = |vault: &Path| -> i64 {
        let vault = Connection::open(vault).unwrap();
        let version = vault.pragma_query_value(None, "user_version", |row| row.get(0));
        version.unwrap()
    };
    let before = sandbox.home().join("older.db.schema-9");
    assert_eq!([schema(&before), schema(&vault)], [9, 11]);
    let expected = ("rails_prod".to_owned(), Some("10.0.0.0/8".to_owned()));
    assert_eq!(logins(&vault), [expected]);
    run(
        &sandbox,
        &format!("set rails-app --network any --vault {path}"),
    )
    .expect(0);
    assert_eq!(logins(&vault), [("rails_prod".to_owned(), None)]);
    expect_verdicts();
    for (line, checks) in [
        ("doctor", ["✓  schema", "✓  facts"]),
        ("log verify", ["", ""]),
    ] {
        let told = run(&sandbox, &format!("{line} --vault {path}"));
        for check in checks {
            assert!(told.stdout.contains(check), "{told:?}");
        }
    }
}
