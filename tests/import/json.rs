//! JSON: passwords from other systems, and keys from another vault.

use serde_json::{Value, json};

use super::{PASSWORD, QUICK};
use crate::backup::edit;
use crate::ledger::make_older;
use crate::sandbox::Sandbox;

/// A key exported from another vault, with its verifiers.
fn told(sandbox: &Sandbox, name: &str) -> Value {
    let run = sandbox.run(["list", "--format", "json", name]).expect(0);
    let mut key = run.json()[0].clone();
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let query = "SELECT lower(hex(digest)), '{ARGON2ID}' || hash FROM secrets
                 JOIN keys ON id = key_id WHERE name = ?1";
    let row = vault.query_row(query, [name], |row| Ok((row.get(0)?, row.get(1)?)));
    let (digest, hash): (String, Option<String>) = row.unwrap();
    key["digest"] = digest.into();
    key["hash"] = hash.into();
    key
}

#[test]
fn keys_of_another_vault_are_imported_with_their_secrets() {
    let there = Sandbox::new();
    let api = there.generate([
        "api",
        "web",
        "--permission",
        "read-only",
        "--limit",
        "9/day",
        "--description",
        "the shop",
    ]);
    let mail = there.generate([
        "smtp",
        "mail",
        "--username",
        "rails_prod",
        "--expires",
        "90d",
    ]);
    there.generate(["smtp", "idle", "--inactive"]);
    edit(
        &there.vault(),
        "UPDATE keys SET created_at = created_at - 900000",
    );
    let keys = ["web", "mail", "idle"].map(|name| told(&there, name));
    let here = Sandbox::new();
    here.import("json", json!(keys).to_string()).expect(0);
    assert_eq!(here.keys(), there.keys());
    for secret in [&api, &mail] {
        assert_eq!(here.verify(secret).0, "accepted");
    }
    assert_eq!(here.verify_login("rails_prod", &mail), "accepted");
    let again = here.import("json", json!([keys[0]]).to_string()).expect(4);
    assert!(
        again
            .stderr
            .contains("the secret of `web` is already in this vault"),
        "{again:?}"
    );
    let run = here.run_with_input(
        ["import", "json", "-", "--skip-existing"],
        json!(keys).to_string().as_bytes(),
    );
    assert!(run.expect(0).stderr.contains("3 keys"));
}

#[test]
fn an_export_can_be_imported_completely() {
    let there = Sandbox::new();
    let users = format!("rails_prod:{QUICK}\nops@example.com:{QUICK}\n");
    there.import("dovecot", users).expect(0);
    let web = there.generate(["api", "web"]);
    let new = there.run(["rotate", "web"]).expect(0).secret();
    let rails = there.run(["rotate", "rails_prod"]).expect(0).secret();
    let export = there.run(["export", "json"]).expect(0).stdout;
    let here = Sandbox::new();
    here.import("json", &export).expect(0);
    assert_eq!(here.keys(), there.keys());
    let again = here.run(["export", "json"]).expect(0);
    assert_eq!(again.stdout, export);
    for secret in [&web, &new, &rails] {
        assert_eq!(here.verify(secret).0, "accepted");
    }
    for login in ["rails_prod", "ops@example.com"] {
        assert_eq!(here.verify_login(login, PASSWORD), "accepted");
    }
    here.run(["rotate", "--finish", "--yes", "web"]).expect(0);
    here.run(["rotate", "--abort", "--yes", "rails_prod"])
        .expect(0);
    assert_eq!(
        [&web, &new, &rails].map(|secret| here.verify(secret).1),
        [1, 0, 1]
    );
    let rows: Vec<Value> = serde_json::from_str(&export).unwrap();
    let olds = rows.iter().filter(|row| !row["retires_at"].is_null());
    let olds: Vec<&Value> = olds.collect();
    assert_eq!(olds.len(), 2);
    let run = here.import("json", json!(olds).to_string()).expect(2);
    assert!(
        run.stderr.contains("not below the new one of its key"),
        "{run:?}"
    );
}

#[test]
fn an_export_from_before_digests_can_be_imported() {
    let there = Sandbox::new();
    let secrets = [["api", "web"], ["smtp", "mail"]].map(|key| there.generate(key));
    for secret in &secrets {
        make_older(&there, secret);
    }
    let export = there.run(["export", "json"]).expect(0).stdout;
    let mut rows: Vec<Value> = serde_json::from_str(&export).unwrap();
    for row in &mut rows {
        let digest = row.as_object_mut().unwrap().remove("digest").unwrap();
        assert!(digest.is_null(), "{row}");
    }
    let here = Sandbox::new();
    here.import("json", json!(rows).to_string()).expect(0);
    for _ in 0..2 {
        for secret in &secrets {
            assert_eq!(here.verify(secret).0, "accepted");
        }
    }
    here.run(["doctor"]).expect(0);
    let rows: Vec<Value> =
        serde_json::from_str(&here.run(["export", "json"]).expect(0).stdout).unwrap();
    assert!(rows.iter().all(|row| row["digest"].is_string()), "{rows:?}");
}

#[test]
fn an_old_secret_of_another_login_is_not_attributed_to_the_key() {
    let there = Sandbox::new();
    there
        .import("dovecot", format!("rails_prod:{QUICK}"))
        .expect(0);
    there.run(["rotate", "rails_prod"]).expect(0);
    let export = there.run(["export", "json"]).expect(0);
    for (field, value) in [
        ("username", json!("someone_else")),
        ("username", json!("rails@example.com")),
    ] {
        let mut rows = export.json();
        assert!(rows[1]["retires_at"].is_string(), "{rows}");
        rows[1][field] = value;
        let here = Sandbox::new();
        let run = here.import("json", rows.to_string()).expect(2);
        assert!(run.stderr.contains("its access differs"), "{run:?}");
        assert!(!here.vault().exists());
    }
}

#[test]
fn minimal_objects_are_imported_passwords() {
    let sandbox = Sandbox::new();
    let lines = [
        json!({"username": "first_user", "hash": QUICK}),
        json!({"username": "ops@example.com", "password_hash": QUICK, "name": "ops", "tail": null}),
        json!({"username": "clear_user", "password": PASSWORD, "status": "inactive",
               "expires_at": null, "created_at": "2026-01-01T00:00:00Z"}),
        json!({"username": "plain_user", "hash": format!("{{PLAIN}}{PASSWORD}")}),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    sandbox
        .run_with_input(["import", "json", "-", "--expires", "9d"], text.as_bytes())
        .expect(0);
    let names: Vec<Value> = sandbox
        .keys()
        .iter()
        .map(|key| key["name"].clone())
        .collect();
    assert_eq!(names, ["first_user", "ops", "clear_user", "plain_user"]);
    let keys = sandbox.keys();
    assert!(keys[0]["expires_at"].is_string() && keys[2]["expires_at"].is_null());
    assert_eq!(keys[2]["created_at"], "2026-01-01T00:00:00Z");
    let logins = ["first_user", "ops@example.com", "plain_user", "clear_user"];
    let verdicts = logins.map(|login| sandbox.verify_login(login, PASSWORD));
    assert_eq!(verdicts, ["accepted", "accepted", "accepted", "inactive"]);
}

#[test]
fn invalid_objects_are_invalid_lines() {
    let sandbox = Sandbox::new();
    let there = Sandbox::new();
    there.generate(["api", "web"]);
    let whole = told(&there, "web");
    let but = |field: &str, value: Value| {
        let mut key = whole.clone();
        key[field] = value;
        key
    };
    let and = |field: &str, value: Value| {
        let mut user = json!({"username": "some_user", "hash": QUICK});
        user[field] = value;
        user
    };
    for (object, said) in [
        (json!({"hash": QUICK}), "it has no `username`"),
        (json!({"username": "some_user"}), "it has no `hash`"),
        (
            json!({"username": "some_user", "hash": QUICK, "password": "x"}),
            "a `hash` and a `password`",
        ),
        (
            json!({"username": "some_user", "hash": ["x"]}),
            "its `hash` is not a string",
        ),
        (
            json!({"username": "some_user", "hash": QUICK, "name": "a b"}),
            "`a b` is not a key's name",
        ),
        (
            json!({"username": "some_user", "hash": QUICK, "created_at": "2999-01-01T00:00:00Z"}),
            "in the future",
        ),
        (
            json!({"username": "some_user", "hash": QUICK, "expires_at": "soon"}),
            "`expires_at` is not a time",
        ),
        (
            json!({"kind": "api", "name": "x", "hash": QUICK}),
            "an API key without a `tail`",
        ),
        (and("limit", "much".into()), "is not a limit"),
        (
            and("permission", "read-only".into()),
            "an SMTP key has no `permission`",
        ),
        (but("kind", "ftp".into()), "neither smtp nor api"),
        (but("hash", QUICK.into()), "has an ARGON2ID hash"),
        (but("digest", Value::Null), "it has no `digest`"),
        (but("digest", "A".repeat(64).into()), "is not a digest"),
        (
            and("digest", "a".repeat(64).into()),
            "an imported password has no `digest`",
        ),
        (but("name", Value::Null), "it has no `name`"),
        (
            but("permission", "everything".into()),
            "is not a permission",
        ),
        (but("permission", Value::Null), "it has no `permission`"),
        (but("tail", "short".into()), "is not a tail"),
        (
            but("status", "asleep".into()),
            "not active, inactive or decoy",
        ),
        (but("limit", "much".into()), "is not a limit"),
        (
            and("allow_nets", "192.0.2.0/24".into()),
            "unknown field `allow_nets`",
        ),
        (
            and("expires_att", Value::Null),
            "did you mean `expires_at`?",
        ),
        (and("expires", "90d".into()), "its `expires` is not a time"),
        (
            and("expiresAt", 1_800_000_000.into()),
            "its `expiresAt` is not a string",
        ),
        (
            and("status", "expired".into()),
            "no `expires_at` in the past",
        ),
        (
            and("disabled", "yes".into()),
            "its `disabled` is neither true nor false",
        ),
        (
            and("locked", 1.into()),
            "its `locked` is neither true nor false",
        ),
        (
            and("enabled", Value::Null),
            "its `enabled` is neither true nor false",
        ),
        (
            and("password_hash", QUICK.into()),
            "a `hash` and a `password_hash`",
        ),
        (and("hash", "!".into()), "its account is locked"),
        (
            json!({"username": "some_user", "hash": QUICK, "status": "active", "disabled": true}),
            "its `status` and `disabled` disagree",
        ),
        (
            json!({"username": "some_user", "hash": QUICK, "expires": null, "expiry": null}),
            "it has `expires` and `expiry`",
        ),
    ] {
        let run = sandbox.import("json", object.to_string()).expect(2);
        assert!(run.stderr.contains(said), "{said}: {run:?}");
    }
    for doubled in ["username", "hash", "status"] {
        let text = format!(
            r#"{{"username": "some_user", "hash": "{QUICK}", "status": "active", "{doubled}": "x"}}"#
        );
        let run = sandbox.import("json", text).expect(2);
        assert!(
            run.stderr.contains(&format!("`{doubled}` twice")),
            "{run:?}"
        );
    }
    let twice = json!([whole, but("name", "other".into())]).to_string();
    let run = sandbox.import("json", twice).expect(4);
    assert!(run.stderr.contains("line 1 has the same secret"), "{run:?}");
    assert!(!sandbox.vault().exists());
}

#[test]
fn disabled_and_expired_entries_are_not_imported_as_active() {
    let past = "2026-01-01T00:00:00Z";
    for (field, value, status) in [
        ("status", json!("active"), "active"),
        ("status", json!("inactive"), "inactive"),
        ("status", json!("disabled"), "inactive"),
        ("enabled", json!(true), "active"),
        ("enabled", json!(false), "inactive"),
        ("active", json!(false), "inactive"),
        ("disabled", json!(false), "active"),
        ("disabled", json!(true), "inactive"),
        ("locked", json!(true), "inactive"),
        ("expires", json!(past), "expired"),
        ("expiresAt", json!(past), "expired"),
        ("expires_at", json!(past), "expired"),
        ("expiry", json!(past), "expired"),
        ("expires", json!(null), "active"),
        ("expiry", json!("2999-01-01T00:00:00Z"), "active"),
    ] {
        let sandbox = Sandbox::new();
        let mut user = json!({
            "username": "some_user", "hash": QUICK, "created_at": "2025-01-01T00:00:00Z",
        });
        user[field] = value;
        sandbox.import("json", user.to_string()).expect(0);
        assert_eq!(sandbox.show("some_user")["status"], status, "{user}");
        let is_accepted = sandbox.verify_login("some_user", PASSWORD) == "accepted";
        assert_eq!(is_accepted, status == "active", "{user}");
    }
}
