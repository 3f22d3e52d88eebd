//! Decoys: created and shown as such, kept by every operation, and never valid.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::backup::{edit, vault_of};
use crate::sandbox::{Run, Sandbox};
use crate::serve::recording::recorded;

const EIGHTH: &str = include_str!("fixtures/vault-v8.sql");

fn run(sandbox: &Sandbox, args: &[&str]) -> Run {
    Run::of(sandbox.command(args.iter().copied()).output().unwrap())
}

/// An SMTP and an API decoy beside two ordinary keys.
fn planted() -> (Sandbox, [String; 2]) {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "real"]);
    sandbox.generate(["smtp", "mail", "--username", "real_name"]);
    let api = sandbox.generate(["api", "old-ci", "--decoy", "--description", "in build.sh"]);
    let smtp = sandbox.generate(["smtp", "old-mail", "--decoy", "--username", "old_name"]);
    (sandbox, [api, smtp])
}

fn status(sandbox: &Sandbox, name: &str) -> Value {
    sandbox.show(name)["status"].clone()
}

#[test]
fn a_decoy_is_created_shown_listed_and_logged_as_such() {
    let (sandbox, [api, smtp]) = planted();
    let made = sandbox
        .run(["generate", "api", "third", "--decoy"])
        .expect(0);
    assert!(
        made.stderr.starts_with(
            "created API key `third` (decoy, never valid; `postkey check` reports each use)\n"
        ),
        "{made:?}"
    );
    for (name, secret) in [("old-ci", &api), ("old-mail", &smtp)] {
        let key = sandbox.show(name);
        assert_eq!(key["status"], "decoy", "{key}");
        assert_eq!(
            [&key["permission"], &key["limit"], &key["expires_at"]],
            [&Value::Null; 3],
            "{key}"
        );
        let show = sandbox.run(["show", name]).expect(0).stdout;
        assert!(show.contains("decoy: never valid"), "{show}");
        let (facts, _) = show.split_once("\n\n").unwrap();
        assert!(
            !facts.contains("permission") && !facts.contains("due "),
            "{facts}"
        );
        let log = &key["log"][0]["change"];
        let is_told = json!({"field": "decoy", "from": null, "to": "yes"});
        assert!(log.as_array().unwrap().contains(&is_told), "{log}");
        assert_eq!(sandbox.verify(secret), ("decoy".to_owned(), 1));
    }
    let listed = |args: &[&str]| -> Vec<String> {
        let csv = run(&sandbox, &[&["list", "--format", "csv"], args].concat()).expect(0);
        let names = csv.stdout.lines().skip(1);
        let names = names.map(|line| line.split(',').next().unwrap().to_owned());
        names.collect()
    };
    assert_eq!(
        listed(&["--status", "decoy", "--sort", "name"]),
        ["old-ci", "old-mail", "third"]
    );
    assert_eq!(listed(&["--status", "active"]).len(), 2);
    let log = sandbox
        .run(["log", "--action", "generate", "old-ci"])
        .expect(0);
    assert!(log.stdout.contains("decoy yes"), "{log:?}");
}

#[test]
fn verify_identify_explain_and_usage_tell_of_a_decoy_by_name() {
    let (sandbox, [api, _]) = planted();
    let with = |args: &[&str]| -> Run {
        let mut child = sandbox.command(args.iter().copied());
        let input = sandbox.home().join("input");
        fs::write(&input, &api).unwrap();
        child.stdin(fs::File::open(&input).unwrap());
        Run::of(child.output().unwrap())
    };
    let told = with(&["identify"]).expect(0).stdout;
    let never = "decoy: `old-ci` is a decoy, and is never valid; no recorded use";
    assert!(told.starts_with(never), "{told}");
    let verify = with(&[
        "verify",
        "--ip",
        "203.0.113.66",
        "--permission",
        "read-only",
    ])
    .expect(1);
    let said = "decoy: `old-ci` is a decoy, and is never valid\n";
    assert_eq!(verify.stdout, said);
    let verify = with(&["verify", "--format", "json", "--kind", "smtp"])
        .expect(1)
        .json();
    assert_eq!(
        [
            &verify["verdict"],
            &verify["http_status"],
            &verify["code"],
            &verify["name"]
        ],
        [
            &json!("decoy"),
            &json!(401),
            &json!("unauthorized"),
            &json!("old-ci")
        ]
    );
    let told = with(&["identify", "--format", "json"]).expect(0).json();
    assert_eq!(told["verdict"], "decoy", "{told}");
    assert_eq!(
        (&told["identified"], &told["good"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(told["presented_since"], 2, "{told}");
    assert_eq!(told["key"]["status"], "decoy", "{told}");
    let explain = with(&["explain"]);
    assert!(
        explain.stdout.contains("`old-ci` is a decoy"),
        "{explain:?}"
    );
    assert!(!explain.stdout.contains("is active"), "{explain:?}");
    // Reading is not a use.
    let count = "SELECT sum(count) FROM days WHERE verdict = 'decoy'";
    assert_eq!(recorded(&sandbox, count), Some(2));
    for verb in ["usage", "show"] {
        let told = sandbox.run([verb, "old-ci"]).expect(0).stdout;
        assert!(told.contains("decoy"), "{told}");
        assert!(told.contains("203.0.113.66"), "{told}");
    }
}

/// Operations that do not apply to a decoy, and their messages.
const CONFLICTS: [(&[&str], &str, &str); 8] = [
    (
        &["api", "x", "--permission", "read-only"],
        "--permission",
        "never valid",
    ),
    (&["api", "x", "--plan", "free"], "--plan", "never valid"),
    (&["api", "x", "--limit", "3/day"], "--limit", "never valid"),
    (
        &["api", "x", "--inactive"],
        "--inactive",
        "is always refused",
    ),
    (
        &["api", "x", "--expires", "90d"],
        "--expires",
        "until `postkey delete`",
    ),
    (
        &["smtp", "x", "--default"],
        "--default",
        "must be able to send mail",
    ),
    (
        &[
            "api",
            "--from",
            "names",
            "--save-dir",
            "keys",
            "--limit",
            "3/day",
        ],
        "--limit",
        "never valid",
    ),
    (
        &["api", "x", "--if-absent", "--expires", "never"],
        "--expires",
        "until `postkey delete`",
    ),
];

#[test]
fn fields_that_do_not_apply_to_decoys_are_refused() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.home().join("names"), "x\n").unwrap();
    for (flags, flag, why) in CONFLICTS {
        let args = [&["generate", "--decoy"], flags].concat();
        let run = run(&sandbox, &args).expect(2);
        let said = format!("error: a decoy has no {flag}\nhint: ");
        assert!(run.stderr.starts_with(&said), "{run:?}");
        assert!(run.stderr.contains(why), "{run:?}");
    }
    assert!(!sandbox.vault().exists());
}

#[test]
fn a_decoy_refuses_operations_that_do_not_apply() {
    let (sandbox, [api, smtp]) = planted();
    let log = || sandbox.run(["log", "--format", "jsonl"]).expect(0).stdout;
    let before = log();
    for args in [
        &["set", "old-ci", "--permission", "full"][..],
        &["set", "old-ci", "--expires", "90d"],
        &["set", "old-mail", "--rotate-every", "30d"],
        &["activate", "old-ci"],
        &["deactivate", "old-ci"],
        &["rotate", "old-ci"],
        &["rotate", "old-mail", "--grace", "1h"],
        &["revoke", "old-ci"],
        &["revoke", "--replace", "old-mail"],
    ] {
        let run = run(&sandbox, args).expect(1);
        assert!(
            run.stderr.contains("is a decoy and never valid: "),
            "{run:?}"
        );
        assert!(
            run.stderr.contains("\nhint: `postkey regenerate old-"),
            "{run:?}"
        );
        assert_eq!(run.stdout, "");
    }
    let revoke = sandbox.run_with_input(["revoke"], api.as_bytes()).expect(1);
    assert!(
        revoke
            .stderr
            .contains("that of the decoy `old-ci`, which is never valid"),
        "{revoke:?}"
    );
    assert_eq!(log(), before);
    sandbox.run(["describe", "old-ci", "other"]).expect(0);
    sandbox.run(["rename", "old-ci", "older-ci"]).expect(0);
    assert_eq!(status(&sandbox, "older-ci"), "decoy");
    let regenerate = ["regenerate", "--yes", "older-ci"];
    let regenerated = sandbox.run(regenerate).expect(0).secret();
    for secret in [&regenerated, &smtp] {
        assert_eq!(sandbox.verify(secret).0, "decoy");
    }
}

#[test]
fn if_absent_distinguishes_decoys_from_keys() {
    let (sandbox, _) = planted();
    let absent = |args: &[&str], status: i32| {
        run(&sandbox, &[&["generate", "--if-absent"], args].concat()).expect(status)
    };
    let told = absent(&["api", "old-ci"], 4);
    assert!(
        told.stderr
            .contains("`old-ci` already exists, but it is a decoy"),
        "{told:?}"
    );
    let told = absent(&["api", "real", "--decoy"], 4);
    assert!(
        told.stderr
            .contains("`real` already exists, but it is no decoy"),
        "{told:?}"
    );
    let told = absent(&["api", "old-ci", "--decoy", "--strict"], 0);
    assert!(!told.stderr.contains("warning"), "{told:?}");
}

#[test]
fn many_decoys_are_planted_at_once() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.home().join("names"), "a\nb\n").unwrap();
    let from = [
        "generate",
        "api",
        "--decoy",
        "--from",
        "names",
        "--save-dir",
        "keys",
    ];
    let made = run(&sandbox, &from).expect(0);
    assert!(
        made.stderr.contains("plant it where an intruder looks"),
        "{made:?}"
    );
    for name in ["a", "b"] {
        let secret = fs::read_to_string(sandbox.home().join("keys").join(name)).unwrap();
        assert_eq!(sandbox.verify(secret.trim_end()).0, "decoy");
    }
}

#[test]
fn a_manifest_can_create_decoys() {
    let decoy = "[[key]]\nname = \"old\"\nkind = \"smtp\"\nusername = \"old_name\"\ndecoy = true\n\
                 save = { file = \".env.old\", username = \"SMTP_USER\", secret = \"SMTP_PASS\" }\n";
    let sandbox = Sandbox::with_manifest(decoy);
    let planned = sandbox.apply(&["--dry-run"]);
    assert!(planned.stdout.contains("decoy"), "{planned:?}");
    sandbox.apply(&[]).expect(0);
    let file = sandbox.read(".env.old");
    let secret = file
        .split_once("SMTP_PASS=")
        .unwrap()
        .1
        .trim()
        .trim_matches('\'');
    assert_eq!(sandbox.verify(secret).0, "decoy");
    let again = sandbox.apply(&[]).expect(0);
    assert!(!again.stderr.contains("warning"), "{again:?}");
    let plain = decoy.replace("decoy = true\n", "");
    for (other, said) in [
        (plain.as_str(), "already exists, but it is a decoy"),
        (
            &decoy.replace("= true", "= \"yes\""),
            "must be true or false",
        ),
    ] {
        sandbox.manifest(other);
        assert!(!sandbox.apply(&[]).stderr.is_empty());
        let run = sandbox.apply(&[]);
        assert!(run.status != 0 && run.stderr.contains(said), "{run:?}");
    }
    for field in [
        "permission = \"full\"",
        "limit = \"3/day\"",
        "expires = \"90d\"",
        "inactive = true",
    ] {
        let api =
            "[[key]]\nname = \"a\"\nkind = \"api\"\nsave = { file = \".env\", secret = \"KEY\" }\n";
        sandbox.manifest(&format!("{api}decoy = true\n{field}\n"));
        let run = sandbox.apply(&[]).expect(2);
        let name = field.split(' ').next().unwrap();
        assert!(
            run.stderr
                .contains(&format!("keys.toml:6: a decoy has no `{name}`")),
            "{run:?}"
        );
    }
    fs::remove_file(sandbox.home().join(".env.old")).unwrap();
    sandbox.manifest(
        &plain
            .replace("\"old\"", "\"new\"")
            .replace("old_name", "new_name"),
    );
    sandbox.apply(&[]).expect(0);
    sandbox.manifest(
        &decoy
            .replace("\"old\"", "\"new\"")
            .replace("old_name", "new_name"),
    );
    let run = sandbox.apply(&[]).expect(4);
    assert!(run.stderr.contains("but it is not a decoy"), "{run:?}");
}

#[test]
fn exports_and_views_contain_no_decoys() {
    let (sandbox, [api, smtp]) = planted();
    for format in ["dovecot", "json"] {
        let export = sandbox.run(["export", format]).expect(0).stdout;
        for secret in [&api, &smtp] {
            assert!(!export.contains(&secret[secret.len() - 16..]), "{export}");
        }
        assert!(
            !export.contains("old_name") && export.contains("real_name"),
            "{export}"
        );
    }
    let vault = Connection::open(sandbox.vault()).unwrap();
    let logins = "SELECT group_concat(username) FROM smtp_login";
    let logins: String = vault.query_row(logins, [], |row| row.get(0)).unwrap();
    assert_eq!(logins, "real_name");
}

/// A key exported from another vault, with its verifiers.
fn told(sandbox: &Sandbox, name: &str) -> Value {
    let run = sandbox.run(["list", "--format", "json", name]).expect(0);
    let mut key = run.json()[0].clone();
    let vault = Connection::open(sandbox.vault()).unwrap();
    let query = "SELECT lower(hex(digest)), '{ARGON2ID}' || hash FROM secrets
                 JOIN keys ON id = key_id WHERE name = ?1";
    let row = vault.query_row(query, [name], |row| Ok((row.get(0)?, row.get(1)?)));
    let (digest, hash): (String, Option<String>) = row.unwrap();
    key["digest"] = digest.into();
    key["hash"] = hash.into();
    key
}

#[test]
fn a_decoy_of_another_vault_is_imported_as_one() {
    let (there, [api, smtp]) = planted();
    let keys = ["old-ci", "old-mail"].map(|name| told(&there, name));
    let here = Sandbox::new();
    here.settings("[defaults]\nexpires = \"30d\"\n");
    here.import("json", json!(keys).to_string()).expect(0);
    for secret in [&api, &smtp] {
        assert_eq!(here.verify(secret).0, "decoy");
    }
    assert_eq!(here.verify_login("old_name", &smtp), "decoy");
    assert_eq!(status(&here, "old-mail"), "decoy");
    assert_eq!(here.show("old-ci")["expires_at"], Value::Null);
    let doctor = here.run(["doctor"]);
    assert!(doctor.stdout.contains("✓  facts"), "{doctor:?}");
}

#[test]
fn a_decoy_with_a_permission_or_expiry_is_not_imported() {
    let (there, _) = planted();
    let key = told(&there, "old-ci");
    let mail = told(&there, "old-mail");
    let but = |key: &Value, field: &str, value: Value| {
        let mut key = key.clone();
        key[field] = value;
        key
    };
    for (key, said) in [
        (but(&key, "disabled", true.into()), "disagree"),
        (
            but(&mail, "status", "Decoy".into()),
            "not active, inactive or decoy",
        ),
        (but(&mail, "digest", Value::Null), "has no `digest`"),
        (
            json!({"username": "a", "hash": "{SHA256}XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg=",
                   "status": "decoy"}),
            "cannot be a decoy",
        ),
    ] {
        let here = Sandbox::new();
        let import = here.import("json", json!([key]).to_string()).expect(2);
        assert!(import.stderr.contains(said), "{said}: {import:?}");
        assert!(!here.vault().exists());
    }
}

#[test]
fn a_restored_decoy_is_still_a_decoy() {
    let (sandbox, [api, _]) = planted();
    let copy = sandbox.backup("copy.db");
    let later = sandbox.generate(["api", "later", "--decoy"]);
    sandbox.run(["delete", "--yes", "old-ci"]).expect(0);
    let effects = sandbox.effects(&copy);
    let effects: Vec<_> = effects
        .iter()
        .map(|(name, what)| (&**name, &**what))
        .collect();
    assert_eq!(effects, [("old-ci", "returned"), ("later", "gone")]);
    sandbox.restore(&["--yes"], &copy).expect(0);
    assert_eq!(sandbox.verify(&api).0, "decoy");
    // It is not in the backup: its dead secret is not valid, either.
    assert_eq!(sandbox.verify(&later).1, 1);
    // A backup in which it was edited into an ordinary key is reported.
    edit(&copy, "UPDATE keys SET decoy = 0");
    assert!(
        sandbox
            .effects(&copy)
            .contains(&("old-ci".to_owned(), "revived".to_owned()))
    );
    sandbox.restore(&["--yes"], &copy);
    assert_eq!(sandbox.verify(&api).0, "decoy");
}

#[test]
fn a_vault_with_schema_8_can_get_decoys() {
    let sandbox = Sandbox::new();
    let vault = sandbox.home().join("older.db");
    vault_of(EIGHTH, &vault);
    let path = vault.to_str().unwrap();
    let secret_of = |name: &str| {
        let lines = EIGHTH.lines().filter_map(|line| line.strip_prefix("-- "));
        let of = lines.filter_map(|line| line.split_once(' '));
        let mut found = of.filter(|(of, _)| *of == name);
        found.next().unwrap().1.trim().to_owned()
    };
    let verify = |secret: &str| {
        let args = ["verify", "--vault", path, "--no-record"];
        let run = sandbox.run_with_input(args, secret.as_bytes());
        run.stdout.split(':').next().unwrap().to_owned()
    };
    let verdicts = [
        ("reports", "accepted"),
        ("rails-app", "accepted"),
        ("cron", "inactive"),
        ("old-web", "replaced"),
        ("web", "accepted"),
        ("gone", "deleted"),
    ];
    for (name, verdict) in verdicts {
        assert_eq!(verify(&secret_of(name)), verdict, "{name}");
    }
    let decoy = ["generate", "smtp", "decoy", "--decoy", "--vault", path];
    let decoy = sandbox.run(decoy).expect(0).secret();
    assert_eq!(verify(&decoy), "decoy");
    for (name, verdict) in verdicts {
        assert_eq!(verify(&secret_of(name)), verdict, "{name}");
    }
    let logins = "SELECT group_concat(username) FROM smtp_login";
    let logins = Connection::open(&vault)
        .unwrap()
        .query_row(logins, [], |row| row.get::<_, String>(0));
    assert_eq!(logins.unwrap(), "rails_prod");
    assert!(sandbox.home().join("older.db.schema-8").exists());
    let doctor = sandbox.run(["doctor", "--vault", path]);
    assert!(doctor.stdout.contains("✓  facts"), "{doctor:?}");
}
