//! The contents of exports.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::process::Stdio;

use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::sandbox::Sandbox;
use crate::secrecy::stock::stock;

/// A login whose password is `password`.
const IMPORTED: &str = "old_shop:{SHA256}XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg=\n";

const TITLE: &str = "# Written by `postkey export ";

#[test]
fn an_export_always_matches_the_view_and_verify() {
    let sandbox = Sandbox::new();
    let mut secrets = Vec::new();
    for (name, username) in [("own", "Own_Name"), ("a", "ops@example.com")] {
        secrets.push(sandbox.generate(["smtp", name, "--username", username]));
    }
    secrets.push(sandbox.generate(["api", "web", "--permission", "read-only"]));
    for step in [
        &["rotate", "own"][..],
        &["generate", "smtp", "b", "--username", "OPS@example.com"],
        &["rotate", "web", "--grace", "1h"],
        &["deactivate", "a", "web"],
        &["generate", "smtp", "idle", "--inactive"],
        &["regenerate", "--yes", "a"],
        &["activate", "web"],
        &["rotate", "--finish", "--yes", "own"],
        &["rotate", "--abort", "--yes", "web"],
        &["set", "b", "--expires", "1h"],
        &["run", "smtp", "--", "printenv", "RUN_SMTP_PASSWORD"],
        &["rename", "b", "c"],
        &["revoke", "c"],
        &["delete", "--yes", "own"],
    ] {
        let run = crate::sandbox::Run::of(sandbox.command(step.iter().copied()).output().unwrap());
        assert_eq!(run.status, 0, "{run:?}");
        let lines = run.stdout.lines().map(str::to_owned);
        secrets.extend(lines.filter(|line| line.starts_with('x')));
        assert_eq!(dovecot(&sandbox), view(&sandbox), "{step:?}");
        let accepted: BTreeSet<_> = secrets
            .iter()
            .filter(|secret| sandbox.verify(secret).1 == 0)
            .map(|secret| secret[secret.len() - 16..].to_owned())
            .collect();
        assert_eq!(tails(&sandbox), accepted, "{step:?}");
    }
}

#[test]
fn json_has_what_list_has_and_what_each_secret_is_verified_by() {
    let sandbox = Sandbox::new();
    let web = sandbox.generate(["api", "web", "--limit", "7/day", "--expires", "90d"]);
    let mail = sandbox.generate(["smtp", "mail", "--description", "the \u{fc}ber \"shop\""]);
    let old = sandbox.show("mail")["tail"].clone();
    let new = sandbox.run(["rotate", "mail"]).expect(0).secret();
    let digests = [web, mail, new].map(|secret| {
        let bytes = Sha256::digest(secret);
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    });
    let keys = sandbox.run(["list", "--format", "json"]).expect(0).json();
    let all: Value = serde_json::from_str(&sandbox.export("json")).unwrap();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 3);
    for (secret, key) in all.iter().zip([&keys[0], &keys[1], &keys[1]]) {
        let mut secret = secret.as_object().unwrap().clone();
        let digest = secret.remove("digest").unwrap();
        let digest = digest.as_str().unwrap();
        assert!(digests.iter().any(|one| one == digest), "{digest}");
        let hash = secret.remove("hash").unwrap();
        match secret["kind"].as_str().unwrap() {
            "api" => assert!(hash.is_null(), "{hash}"),
            _ => {
                let hash = hash.as_str().unwrap();
                assert!(hash.starts_with("{ARGON2ID}$argon2id$v=19$"), "{hash}");
            }
        }
        let retires_at = secret.remove("retires_at").unwrap();
        assert_eq!(retires_at.is_null(), secret["tail"] == key["tail"]);
        let tail = secret.insert("tail".to_owned(), key["tail"].clone());
        assert!(retires_at.is_null() || tail.unwrap() == old);
        assert_eq!(&Value::Object(secret), key);
    }
}

#[test]
fn an_export_to_json_can_be_imported_unchanged() {
    let sandbox = Sandbox::with_three_keys();
    let old = sandbox.generate(["smtp", "shared", "--username", "ops@example.com"]);
    let new = sandbox.run(["rotate", "shared"]).expect(0).secret();
    fs::write(sandbox.home().join("users"), IMPORTED).unwrap();
    sandbox.run(["import", "dovecot", "users"]).expect(0);
    sandbox.run(["export", "json", "keys.json"]).expect(0);
    let other = Sandbox::new();
    let file = sandbox.home().join("keys.json");
    other
        .run(["import", "json", file.to_str().unwrap()])
        .expect(0);
    let exported = fs::read_to_string(&file).unwrap();
    assert_eq!(exported.matches("\n{").count(), 6, "{exported}");
    assert_eq!(other.export("json"), exported);
    for secret in [&old, &new] {
        assert_eq!(other.verify(secret).0, "accepted");
    }
}

#[test]
fn the_export_has_a_line_for_imported_passwords() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.home().join("users"), IMPORTED).unwrap();
    sandbox.run(["import", "dovecot", "users"]).expect(0);
    let line = "old_shop|:{SHA256}XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg=::::::\n";
    assert!(sandbox.export("dovecot").ends_with(line));
    sandbox.run(["deactivate", "old_shop"]).expect(0);
    assert!(!sandbox.export("dovecot").contains("old_shop"));
}

#[test]
fn an_export_without_valid_keys_is_empty() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web", "--inactive"]);
    assert_eq!(sandbox.export("json"), "[\n]\n");
    let text = sandbox.export("dovecot");
    assert!(
        text.starts_with(TITLE) && text.lines().count() == 1,
        "{text}"
    );
    let missing = Sandbox::new().run(["export", "json"]).expect(5);
    assert!(missing.stderr.contains("there is no vault"), "{missing:?}");
}

#[test]
fn a_slow_export_reader_does_not_lock_the_vault() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    stock(&sandbox, 5000);
    let mut command = sandbox.command(["export", "json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0];
    stdout.read_exact(&mut first).unwrap();
    sandbox.run(["deactivate", "ci", "--wait", "1s"]).expect(0);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(rest.contains("\"name\":\"ci\"") && rest.ends_with("\n]\n"));
}

#[test]
fn a_hash_with_a_line_end_is_left_out_and_reported() {
    let sandbox = Sandbox::with_three_keys();
    let vault = Connection::open(sandbox.vault()).unwrap();
    let spoil = "UPDATE secrets SET hash = hash || char(10) || 'root:x'
                 WHERE key_id = (SELECT id FROM keys WHERE name = 'prod-mail')";
    vault.execute(spoil, []).unwrap();
    for format in ["dovecot", "json"] {
        let run = sandbox.run(["export", format]).expect(5);
        assert!(!run.stdout.contains("root"), "{run:?}");
        assert!(run.stderr.contains("key number 2 has a hash"), "{run:?}");
    }
}

/// The logins, tails and passwords of an export to Dovecot.
fn dovecot(sandbox: &Sandbox) -> BTreeSet<(String, String, String)> {
    let text = sandbox.export("dovecot");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parts = lines.map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let (login, tail) = fields[0].split_once('|').unwrap();
        let extra = format!("user={login}/{tail} tail={tail}");
        assert_eq!(fields[2..], ["", "", "", "", "", &extra]);
        (login.to_owned(), tail.to_owned(), fields[1].to_owned())
    });
    parts.collect()
}

/// The same from the view for mail servers.
fn view(sandbox: &Sandbox) -> BTreeSet<(String, String, String)> {
    let vault = Connection::open(sandbox.vault()).unwrap();
    let query = "SELECT lower(username), tail, password FROM smtp_login";
    let mut statement = vault.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn tails(sandbox: &Sandbox) -> BTreeSet<String> {
    let all: Value = serde_json::from_str(&sandbox.export("json")).unwrap();
    let all = all.as_array().unwrap().iter();
    all.map(|secret| secret["tail"].as_str().unwrap().to_owned())
        .collect()
}
