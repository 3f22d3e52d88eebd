//! Interactions of rules that a first version got wrong.

use std::process::{Command, Stdio};

use rusqlite::Connection;

use crate::clock::at;
use crate::sandbox::{Run, Sandbox};

/// Edits the vault in the database.
fn tamper(sandbox: &Sandbox, sql: &str) {
    Connection::open(sandbox.vault())
        .unwrap()
        .execute_batch(sql)
        .unwrap();
}

#[test]
fn text_full_of_what_looks_like_secrets_is_refused_without_a_crash() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for text in ["xkey-00000000 ".repeat(60_000), "xkey".repeat(250_000)] {
        let run = sandbox
            .run_with_input(["deactivate", "-"], text.as_bytes())
            .expect(2);
        assert!(run.stderr.len() < 1000, "{} bytes", run.stderr.len());
        sandbox.settings(&format!("brand = \"{}\"", &text[..text.len().min(900_000)]));
        sandbox.run(["check"]).expect(5);
        let run = sandbox.run(["list"]).expect(0);
        assert!(run.stderr.len() < 1000, "{} bytes", run.stderr.len());
        sandbox.settings("");
    }
}

#[test]
fn identify_and_verify_agree_on_the_time() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--expires", "1d"]);
    at(&sandbox, "+10d", &["check"]);
    let run = sandbox
        .run_with_input(["identify", "--format", "json"], secret.as_bytes())
        .expect(0);
    let answer = run.json();
    assert_eq!(
        (&answer["verdict"], &answer["key"]["status"]),
        (&"expired".into(), &"expired".into())
    );
    assert!(
        answer["reason"].as_str().unwrap().ends_with('Z'),
        "{answer}"
    );
}

#[test]
fn if_absent_succeeds_for_all_who_ask_at_once() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    let ask = || {
        sandbox
            .command(["generate", "api", "boot", "--if-absent"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let asked: Vec<_> = (0..8).map(|_| ask()).collect();
    let runs: Vec<Run> = asked
        .into_iter()
        .map(|child| Run::of(child.wait_with_output().unwrap()))
        .collect();
    // The loser has already delivered its secret, so it must not report success.
    for run in &runs {
        assert!(
            run.status == 0 || (run.status == 4 && !run.stdout.is_empty()),
            "{run:?}"
        );
    }
    let good = runs
        .iter()
        .filter(|run| !run.stdout.is_empty() && sandbox.verify(run.stdout.trim_end()).1 == 0);
    assert_eq!(good.count(), 1);
}

#[test]
fn if_absent_refuses_a_different_key() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail", "--username", "rails_prod"]);
    sandbox
        .run(["generate", "api", "mail", "--if-absent"])
        .expect(4);
    sandbox
        .run([
            "generate",
            "smtp",
            "mail",
            "--if-absent",
            "--username",
            "other",
        ])
        .expect(4);
    sandbox
        .run([
            "generate",
            "smtp",
            "mail",
            "--if-absent",
            "--username",
            "rails_prod",
        ])
        .expect(0);
    sandbox.run(["deactivate", "mail"]).expect(0);
    let run = sandbox
        .run(["generate", "smtp", "mail", "--if-absent"])
        .expect(0);
    assert!(
        run.stderr.contains("warning: `mail` is inactive"),
        "{run:?}"
    );
}

#[test]
fn if_absent_reports_differences() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web", "--limit", "3/day", "--expires", "30d"]);
    for (flags, says) in [
        (&["--limit", "4/day"][..], Some("limit is 3/day, not 4/day")),
        (&["--limit", "none"], Some("limit is 3/day, not none")),
        (
            &["--plan", "starter"],
            Some("limit is 3/day, not 20000/day"),
        ),
        (
            &["--permission", "read-only"],
            Some("permission is full, not read-only"),
        ),
        (&["--expires", "31d"], Some("expiry is ")),
        (&["--expires", "never"], Some(", not never")),
        (
            &["--description", "x"],
            Some("description is none, not `x`"),
        ),
        (&["--inactive"], Some("status is active, not inactive")),
        (&["--limit", "3/day", "--expires", "30d"], None),
        (&["--permission", "full"], None),
        (&[], None),
    ] {
        let asked = ["generate", "api", "web", "--if-absent"];
        let asked = [&asked[..], flags].concat();
        let run = Run::of(sandbox.command(asked.iter().copied()).output().unwrap()).expect(0);
        let is_told = run
            .stderr
            .contains("warning: `web` differs from the flags: ");
        assert_eq!(is_told, says.is_some(), "{run:?}");
        assert!(run.stderr.contains(says.unwrap_or_default()), "{run:?}");
        assert_eq!(run.stdout, "");
        let strict = asked.into_iter().chain(["--strict"]);
        let status = if says.is_some() { 4 } else { 0 };
        let run = Run::of(sandbox.command(strict).output().unwrap()).expect(status);
        assert!(run.stderr.contains(says.unwrap_or_default()), "{run:?}");
        assert_eq!(run.stderr.contains("\nhint: "), says.is_some(), "{run:?}");
    }
    let both = [
        "generate",
        "api",
        "web",
        "--if-absent",
        "--limit",
        "1/day",
        "--inactive",
    ];
    let told = sandbox.run(both).expect(0).stderr;
    assert!(
        told.contains("limit is 3/day, not 1/day; status is active"),
        "{told}"
    );
    sandbox
        .run(["generate", "smtp", "web", "--if-absent"])
        .expect(4);
    sandbox
        .run(["generate", "api", "new", "--strict"])
        .expect(2);
}

#[test]
fn a_foreign_trigger_is_refused_whatever_its_name() {
    for sql in [
        "PRAGMA user_version = -1",
        "PRAGMA user_version = 0",
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ('trigger', 'sqlite_autoindex_x',
         'keys', 0, 'CREATE TRIGGER sqlite_autoindex_x AFTER UPDATE ON keys BEGIN SELECT 1; END')",
    ] {
        let sandbox = Sandbox::new();
        sandbox.generate(["api", "ci"]);
        tamper(&sandbox, sql);
        sandbox.run(["deactivate", "ci"]).expect(5);
        sandbox.run(["list"]).expect(5);
    }
}

#[test]
fn a_set_without_anything_to_set_is_a_usage_error() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let run = sandbox.run(["set", "ci"]).expect(2);
    assert!(run.stderr.contains("--expires"), "{run:?}");
}

#[test]
fn a_secret_is_not_a_pattern_and_a_bare_return_is_not_a_line_end() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.run(["list", &secret]).expect(2);
    assert_eq!(sandbox.verify(&format!("{secret}\r")).0, "malformed");
    assert_eq!(sandbox.verify(&format!("{secret}\r\n")).0, "accepted");
}

#[test]
fn yes_answers_no_question_about_which_key() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let run = sandbox.run(["--yes", "delete"]).expect(2);
    assert!(run.stderr.contains("no key named"), "{run:?}");
}

#[test]
fn a_long_table_shows_columns_that_are_filled_late() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    tamper(
        &sandbox,
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
         INSERT INTO keys (id, name, kind, status, permission, description, created_at)
           SELECT i, 'key-' || i, 'api', 'active', 'full', iif(i = 2400, 'late words', NULL), 0 FROM n;
         INSERT INTO secrets (key_id, tail, digest, created_at)
           SELECT id, printf('%016d', id), (SELECT digest FROM secrets), 0 FROM keys WHERE id > 1;",
    );
    let list = sandbox.run(["list"]).expect(0).stdout;
    assert!(list.contains("late words"));
    assert_eq!(list.lines().count(), 2501);
}

#[test]
fn sixteen_edits_of_one_key_at_once_all_succeed() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let edit = |number: usize| -> Command {
        sandbox.command(["describe", "ci", &format!("edit {number}")])
    };
    let edits: Vec<_> = (0..16)
        .map(|number| edit(number).stderr(Stdio::null()).spawn().unwrap())
        .collect();
    for mut child in edits {
        assert!(child.wait().unwrap().success());
    }
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn an_invalid_word_refers_to_its_commands_help() {
    let sandbox = Sandbox::new();
    for (args, command) in [
        (&["import", "users"][..], "import"),
        (&["--quiet", "export", "users"], "export"),
        (&["connect", "apache"], "connect"),
        (&["list", "--format", "xml"], "list"),
    ] {
        let run = Run::of(sandbox.command(args.iter().copied()).output().unwrap());
        let hint = format!("hint: see `postkey help {command}`\n");
        assert!(run.expect(2).stderr.ends_with(&hint), "{args:?}");
    }
}

#[test]
fn a_span_in_minutes_is_noted() {
    let sandbox = Sandbox::new();
    for (expires, is_noted) in [("1m", true), ("90m", true), ("1mo", false), ("48h", false)] {
        let name = format!("key-{expires}");
        let run = sandbox.run(["generate", "api", &name, "--expires", expires]);
        let noted = run.expect(0).stderr.contains("a month is `1mo`");
        assert_eq!(noted, is_noted, "{expires}");
    }
}
