//! Commands on a key, from its creation to its deletion.

use serde_json::{Value, json};

use crate::sandbox::{Run, Sandbox};

#[test]
fn the_tutorials_sessions_are_correct() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    assert_eq!(sandbox.verify(&old), ("accepted".to_owned(), 0));
    sandbox.run(["deactivate", "ci"]).expect(0);
    assert_eq!(sandbox.verify(&old), ("inactive".to_owned(), 1));
    sandbox.run(["activate", "ci"]).expect(0);
    assert_eq!(sandbox.verify(&old), ("accepted".to_owned(), 0));
    let new = sandbox
        .run(["regenerate", "--yes", "ci"])
        .expect(0)
        .secret();
    assert_eq!(sandbox.verify(&old), ("replaced".to_owned(), 1));
    assert_eq!(sandbox.verify(&new), ("accepted".to_owned(), 0));
    let refused = sandbox.run(["delete", "ci"]).expect(2);
    assert!(refused.stderr.contains("--yes"), "{refused:?}");
    sandbox.run(["delete", "--yes", "ci"]).expect(0);
    assert_eq!(sandbox.verify(&new), ("deleted".to_owned(), 1));
    let log = sandbox.run(["log", "--format", "jsonl"]).expect(0).stdout;
    let commands: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["command"].clone())
        .collect();
    assert_eq!(
        commands,
        ["generate", "deactivate", "activate", "regenerate", "delete"]
    );
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn an_api_key_has_the_given_fields() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate([
        "api",
        "reports",
        "--permission",
        "read-only",
        "--plan",
        "starter",
        "--description",
        "nightly reports",
        "--expires",
        "2999-01-31",
    ]);
    let mut key = sandbox.show("reports");
    let made = key["created_at"].take();
    assert_eq!(key["secrets"][0]["created_at"], made);
    key["secrets"][0]["created_at"].take();
    key.as_object_mut().unwrap().remove("log");
    let due_at = key["policy"]["rotation_due_at"].take();
    assert!(due_at.is_string(), "{due_at}");
    assert!(
        made.as_str().is_some_and(|made| made.ends_with('Z')),
        "{made}"
    );
    assert_eq!(
        key,
        json!({
            "name": "reports", "kind": "api", "username": null, "tail": secret[secret.len() - 16..],
            "status": "active", "permission": "read-only", "limit": "20000/day",
            "description": "nightly reports", "created_at": null,
            "expires_at": "2999-01-31T00:00:00Z", "last_used_at": null, "requests_today": null,
            "senders": null, "networks": null, "mails_today": null, "recipients_today": null,
            "labels": {}, "owner": null,
            "limit_used": null, "limit_resets_at": null, "delivered_to": null, "delivered_at": null,
            "rotation": null,
            "is_default": false, "usage": null, "secrets": [{
                "tail": secret[secret.len() - 16..], "created_at": null, "retires_at": null,
                "first_used_at": null, "last_used_at": null,
            }],
            "policy": {
                "rotate_every": "90d", "rotate_every_from": "default", "rotation_due_at": null,
                "unused_after": "45d", "unused_after_from": "default", "grace": "24h",
                "grace_from": "default", "settle": "1h", "settle_from": "default", "after": null,
            },
        })
    );
}

#[test]
fn an_smtp_key_has_its_own_or_a_shared_username() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "made-up"]);
    let made_up = sandbox.show("made-up")["username"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        made_up.starts_with("smtp_") && made_up.len() == 13,
        "{made_up}"
    );

    sandbox.generate(["smtp", "own", "--username", "rails_prod"]);
    let taken = sandbox
        .run(["generate", "smtp", "other", "--username", "RAILS_PROD"])
        .expect(4);
    assert!(
        taken.stderr.contains("`RAILS_PROD` belongs to another key"),
        "{taken:?}"
    );

    let first = sandbox.generate(["smtp", "a", "--username", "ops@example.com"]);
    let second = sandbox.generate(["smtp", "b", "--username", "ops@example.com"]);
    assert_eq!(sandbox.verify(&first).1, 0);
    assert_eq!(sandbox.verify(&second).1, 0);
}

#[test]
fn flags_of_the_other_kind_are_refused() {
    let sandbox = Sandbox::new();
    for (args, flag) in [
        (["smtp", "x", "--permission", "full"], "--permission"),
        (["api", "x", "--sender", "example.com"], "--sender"),
        (["api", "x", "--username", "rails"], "--username"),
    ] {
        let run = Run::of(
            sandbox
                .command(["generate"].into_iter().chain(args))
                .output()
                .unwrap(),
        );
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains(flag), "{run:?}");
    }
    assert!(!sandbox.vault().exists(), "a refused command made a vault");
}

#[test]
fn names_are_unique_ignoring_case() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let run = sandbox.run(["generate", "api", "CI"]).expect(4);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains("a key named `CI` already exists"),
        "{run:?}"
    );
}

#[test]
fn if_absent_does_not_change_an_existing_key() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--if-absent"]);
    let again = sandbox
        .run(["generate", "api", "ci", "--if-absent"])
        .expect(0);
    assert_eq!(again.stdout, "");
    assert_eq!(sandbox.verify(&secret).1, 0);
}

#[test]
fn an_inactive_key_is_refused_until_activated() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "later", "--inactive"]);
    assert_eq!(sandbox.verify(&secret), ("inactive".to_owned(), 1));
    sandbox.run(["activate", "later"]).expect(0);
    assert_eq!(sandbox.verify(&secret), ("accepted".to_owned(), 0));
}

#[test]
fn an_expired_key_is_refused_and_can_be_extended() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "brief", "--expires", "1s"]);
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(sandbox.verify(&secret), ("expired".to_owned(), 1));
    assert_eq!(sandbox.show("brief")["status"], "expired");
    let activated = sandbox.run(["activate", "brief"]).expect(0);
    assert!(
        activated
            .stderr
            .contains("has expired and is still refused"),
        "{activated:?}"
    );
    sandbox
        .run(["set", "brief", "--expires", "never"])
        .expect(0);
    assert_eq!(sandbox.verify(&secret), ("accepted".to_owned(), 0));
}

#[test]
fn renaming_describing_and_setting_leave_the_secret_alone() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.run(["rename", "ci", "CI"]).expect(0);
    sandbox.run(["rename", "ci", "build"]).expect(0);
    sandbox
        .run(["describe", "build", "the build server"])
        .expect(0);
    sandbox
        .run([
            "set",
            "build",
            "--permission",
            "send-only",
            "--limit",
            "20/minute",
        ])
        .expect(0);
    let key = sandbox.show("build");
    assert_eq!(key["description"], "the build server");
    assert_eq!(key["permission"], "send-only");
    assert_eq!(key["limit"], "20/minute");
    sandbox.run(["describe", "build", "--clear"]).expect(0);
    assert_eq!(sandbox.show("build")["description"], Value::Null);
    assert_eq!(sandbox.verify(&secret), ("accepted".to_owned(), 0));
    sandbox.run(["show", "ci"]).expect(3);
    sandbox.generate(["api", "other"]);
    sandbox.run(["rename", "other", "BUILD"]).expect(4);
}

#[test]
fn the_log_of_a_key_follows_it_through_its_names() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    sandbox.generate(["api", "bystander"]);
    sandbox.run(["rename", "ci", "build"]).expect(0);
    sandbox.run(["deactivate", "build"]).expect(0);
    for name in ["ci", "build"] {
        let log = sandbox
            .run(["log", name, "--format", "json"])
            .expect(0)
            .json();
        let commands: Vec<&Value> = log
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["command"])
            .collect();
        assert_eq!(commands, ["generate", "rename", "deactivate"], "{name}");
    }
}

#[test]
fn several_names_are_each_tried_and_the_highest_status_wins() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "a"]);
    sandbox.generate(["api", "b"]);
    let run = sandbox
        .run(["deactivate", "a", "missing", "b", "--format", "json"])
        .expect(3);
    assert!(run.stderr.contains("no key named `missing`"), "{run:?}");
    assert_eq!(run.json().as_array().unwrap().len(), 2);
    assert_eq!(sandbox.show("b")["status"], "inactive");
    let run = sandbox
        .run_with_input(["activate", "-"], b"a\n\nb\n")
        .expect(0);
    assert!(run.stderr.contains("`b` is now active"), "{run:?}");
}

#[test]
fn deactivating_and_activating_twice_logs_nothing_more() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for _ in 0..2 {
        sandbox.run(["deactivate", "ci"]).expect(0);
    }
    let log = sandbox.run(["log", "--format", "jsonl"]).expect(0).stdout;
    assert_eq!(log.lines().count(), 2);
}

#[test]
fn a_list_can_be_narrowed_and_sorted() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "prod-web", "--expires", "10d"]);
    sandbox.generate(["smtp", "prod-mail"]);
    sandbox.generate(["api", "dev", "--inactive", "--permission", "contacts"]);
    let ending = &secret[secret.len() - 4..];
    for (args, names) in [
        (vec![], vec!["prod-web", "prod-mail", "dev"]),
        (vec!["PROD-*"], vec!["prod-web", "prod-mail"]),
        (vec!["--kind", "smtp"], vec!["prod-mail"]),
        (vec!["--status", "inactive"], vec!["dev"]),
        (vec!["--permission", "contacts"], vec!["dev"]),
        (vec!["--tail", ending], vec!["prod-web"]),
        // Its name up to 0.1.
        (vec!["--ending", ending], vec!["prod-web"]),
        (vec!["--expiring", "14d"], vec!["prod-web"]),
        (vec!["--expiring", "9d"], vec![]),
        (vec!["--older-than", "1d"], vec![]),
        (vec!["--sort", "name"], vec!["dev", "prod-mail", "prod-web"]),
        (
            vec!["--sort", "expires"],
            vec!["prod-web", "prod-mail", "dev"],
        ),
    ] {
        let command = ["list", "--format", "json"]
            .into_iter()
            .chain(args.iter().copied());
        let run = Run::of(sandbox.command(command).output().unwrap()).expect(0);
        let json = run.json();
        let found: Vec<&str> = json
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["name"].as_str().unwrap())
            .collect();
        assert_eq!(found, names, "{args:?}");
    }
    let none = sandbox.run(["list", "nothing*"]).expect(0);
    assert_eq!(
        (none.stdout.as_str(), none.stderr.as_str()),
        ("", "no key matches; * matches any text, as in '*web*'\n")
    );
}

#[test]
fn every_format_contains_a_new_secret_once() {
    let sandbox = Sandbox::new();
    let json = sandbox
        .run(["generate", "api", "a", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(sandbox.verify(json["secret"].as_str().unwrap()).1, 0);

    let csv = sandbox
        .run(["generate", "smtp", "b", "--format", "csv"])
        .expect(0)
        .stdout;
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0].len(), rows[1].len());
    assert_eq!(rows[0].last(), Some(&"secret"));
    assert_eq!(sandbox.verify(rows[1].last().unwrap()).1, 0);

    let env = sandbox
        .run(["generate", "api", "my-key.1", "--format", "env"])
        .expect(0)
        .stdout;
    let (name, secret) = env.trim_end().split_once('=').unwrap();
    assert_eq!(name, "MY_KEY_1_API_KEY");
    assert_eq!(sandbox.verify(secret).1, 0);

    let run = sandbox.run([
        "generate",
        "smtp",
        "2nd",
        "--username",
        "rails_prod",
        "--format",
        "env",
    ]);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], "KEY_2ND_SMTP_USERNAME=rails_prod");
    assert!(
        lines[1].starts_with("KEY_2ND_SMTP_PASSWORD=xsmtppost-"),
        "{run:?}"
    );
}

#[test]
fn a_command_refuses_a_format_that_it_does_not_have() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let run = sandbox.run(["list", "--format", "env"]).expect(2);
    assert!(
        run.stderr.contains("allowed: text, json, jsonl, csv"),
        "{run:?}"
    );
    sandbox
        .run(["completions", "bash", "--format", "json"])
        .expect(2);
}

#[test]
fn filtering_by_an_invalid_permission_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for format in ["text", "json"] {
        let run = sandbox.run(["list", "--permission", "nosuch", "--format", format]);
        let run = run.expect(2);
        assert_eq!(run.stdout, "");
        assert!(
            run.stderr.contains("`nosuch` is not a permission"),
            "{run:?}"
        );
    }
    sandbox.run(["list", "--permission", "read-onyl"]).expect(2);
    sandbox.run(["list", "--permission", "read-only"]).expect(0);
}

#[test]
fn an_invalid_format_gets_a_suggestion() {
    let sandbox = Sandbox::new();
    for (flag, form) in [
        ("--format=jsno", "{\"error\":"),
        ("--format=jsonlines", "{\"error\":"),
        ("--format=txt", "error: "),
        ("--format=yaml", "error: "),
    ] {
        let run = sandbox.run(["list", flag]).expect(2);
        assert!(run.stderr.starts_with(form), "{run:?}");
        assert!(run.stderr.contains("json, jsonl, csv"), "{run:?}");
    }
    sandbox.generate(["api", "ci"]);
    sandbox.run(["list", "--format", "JSON"]).expect(0).json();
}

#[test]
fn errors_are_json_where_results_are() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for (run, code) in [
        (
            sandbox.run(["show", "missing", "--format", "json"]),
            "not-found",
        ),
        (sandbox.run(["show", "a b", "--format=jsonl"]), "usage"),
        (
            sandbox.run(["generate", "api", "ci", "--format", "csv"]),
            "exists",
        ),
    ] {
        let error: Value = serde_json::from_str(&run.stderr).unwrap_or_else(|_| panic!("{run:?}"));
        assert_eq!(error["error"]["code"], code, "{run:?}");
        assert!(error["error"]["message"].is_string() && error["error"]["hint"].is_string());
    }
}

#[test]
fn identify_shows_the_key_even_if_it_is_inactive() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.run(["deactivate", "ci"]).expect(0);
    let run = sandbox
        .run_with_input(["identify", "--format", "json"], secret.as_bytes())
        .expect(0);
    let answer = run.json();
    assert_eq!(answer["key"]["name"], "ci");
    assert_eq!(answer["good"], false);
    sandbox.run(["delete", "--yes", "--forget", "ci"]).expect(0);
    sandbox
        .run_with_input(["identify"], secret.as_bytes())
        .expect(1);
}

#[test]
fn a_secret_with_only_the_tail_of_another_is_a_mismatch() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let other = sandbox.generate(["api", "other"]);
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let tail = |secret: &str| secret[secret.len() - 16..].to_owned();
    // Replaces ci's tail with the other key's, as if both had the same.
    vault
        .execute("DELETE FROM secrets WHERE tail = ?1", [tail(&other)])
        .unwrap();
    vault
        .execute("UPDATE secrets SET tail = ?1", [tail(&other)])
        .unwrap();
    drop(vault);
    let run = sandbox
        .run_with_input(["verify"], other.as_bytes())
        .expect(1);
    assert!(
        run.stdout.starts_with("mismatch: ") && !run.stdout.contains("ci"),
        "{run:?}"
    );
    assert_eq!(sandbox.verify(&secret).0, "unknown");
}

#[test]
fn a_replaced_secret_is_valid_until_it_retires() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let retire = "INSERT INTO secrets (key_id, tail, digest, created_at) SELECT key_id, 'ABCDEFGHIJKLMNOP', digest, created_at FROM secrets";
    vault
        .execute("UPDATE secrets SET retires_at = 4000000000", [])
        .unwrap();
    vault.execute(retire, []).unwrap();
    assert_eq!(sandbox.verify(&secret), ("accepted".to_owned(), 0));
    vault
        .execute(
            "UPDATE secrets SET retires_at = 1000000000 WHERE retires_at IS NOT NULL",
            [],
        )
        .unwrap();
    assert_eq!(sandbox.verify(&secret), ("retired".to_owned(), 1));
}

#[test]
fn settings_give_the_defaults_and_flags_go_before_them() {
    let sandbox = Sandbox::new();
    sandbox.settings(
        "brand = \"acme\"\n[defaults]\nexpires = \"30d\"\nplan = \"team\"\n[plans]\nteam = \"7/hour\"\n",
    );
    let secret = sandbox.generate(["api", "ci"]);
    assert!(secret.starts_with("xkeyacme-"), "{secret}");
    let key = sandbox.show("ci");
    assert_eq!(key["limit"], "7/hour");
    assert!(key["expires_at"].is_string());
    sandbox.generate(["api", "other", "--expires", "never", "--limit", "none"]);
    let key = sandbox.show("other");
    assert_eq!(
        (&key["limit"], &key["expires_at"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_mistake_in_the_settings_is_an_error_with_file_and_line() {
    let sandbox = Sandbox::new();
    sandbox.settings("\n[defualts]\n");
    let run = sandbox.run(["usage"]).expect(5);
    assert!(
        run.stderr
            .contains("config.toml:2: unknown setting `defualts`"),
        "{run:?}"
    );
    assert!(run.stderr.contains("did you mean `defaults`?"), "{run:?}");
}

#[test]
fn a_vault_in_wal_mode_is_switched_back_on_the_next_write() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    vault.pragma_update(None, "journal_mode", "wal").unwrap();
    drop(vault);
    assert_eq!(sandbox.verify(&secret), ("accepted".to_owned(), 0));
    sandbox.run(["deactivate", "ci"]).expect(0);
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let mode: String = vault
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "delete");
}

#[test]
fn the_version_is_the_same_however_it_is_asked_for() {
    let sandbox = Sandbox::new();
    let asked = |args: &[&str]| {
        Run::of(sandbox.command(args.iter().copied()).output().unwrap())
            .expect(0)
            .stdout
    };
    let version = asked(&["--version"]);
    assert_eq!(
        version,
        concat!("postkey ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert_eq!(version, asked(&["-V"]));
    assert_eq!(version, asked(&["--quiet", "--version"]));
}

#[test]
fn a_verbose_version_has_what_a_bug_report_needs() {
    let sandbox = Sandbox::new();
    let known = asked_for_details(&sandbox, &["--version", "--verbose"]);
    let names = [
        "postkey ",
        "vault schema 11, reads 1 to 11",
        "usage record 6, reads 1 to 6",
        "SQLite 3.",
        "target ",
        "system Linux ",
    ];
    assert_eq!(known.lines().count(), names.len(), "{known}");
    for (line, name) in known.lines().zip(names) {
        assert!(line.starts_with(name), "{known}");
    }
    for args in [
        &["--verbose", "-V"][..],
        &["--utc", "--version", "--verbose"],
    ] {
        assert_eq!(asked_for_details(&sandbox, args), known, "{args:?}");
    }
    let refused = sandbox.run(["--verbose", "list"]).expect(2);
    assert!(refused.stderr.contains("--version only"), "{refused:?}");
}

fn asked_for_details(sandbox: &Sandbox, args: &[&str]) -> String {
    let output = sandbox.command(args.iter().copied()).output().unwrap();
    Run::of(output).expect(0).stdout
}

#[test]
fn an_excessive_wait_is_refused() {
    let sandbox = Sandbox::new();
    for wait in ["1mo", "2d", "0s", "-1s", "99999999999d", "soon"] {
        let run = Run::of(
            sandbox
                .command(["list", &format!("--wait={wait}")])
                .output()
                .unwrap(),
        )
        .expect(2);
        assert!(run.stderr.starts_with("error: --wait: "), "{run:?}");
    }
    sandbox.generate(["api", "ci"]);
    sandbox.run(["list", "--wait", "1ms"]).expect(0);
}

#[test]
fn a_new_key_is_reported_in_three_lines_at_most() {
    let sandbox = Sandbox::new();
    for (args, lines, next) in [
        (&["api", "first"][..], 3, "`postkey help http`"),
        (&["smtp", "mail"], 2, "`postkey help mail`"),
        (
            &["api", "soon", "--expires", "1h"],
            2,
            "`postkey help http`",
        ),
        (
            &["smtp", "file", "--save", "file.key"],
            2,
            "`postkey help mail`",
        ),
        (
            &["api", "bait", "--decoy"],
            2,
            "plant it where an intruder looks",
        ),
    ] {
        let args = ["generate"].iter().chain(args).copied();
        let run = Run::of(sandbox.command(args).output().unwrap()).expect(0);
        let said: Vec<&str> = run.stderr.lines().collect();
        assert_eq!(said.len(), lines, "{run:?}");
        assert!(said.last().unwrap().contains(next), "{run:?}");
        assert_eq!(said[0].contains("created vault `/"), lines == 3, "{run:?}");
    }
}
