//! Names and flags, and the messages about invalid ones.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::many::tail;
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

#[test]
fn every_name_gets_a_key_whose_secret_is_in_its_file() {
    let sandbox = Sandbox::new();
    let names = sandbox.names(100);
    let run = sandbox
        .make_many(&["--description", "in bulk", "--plan", "free"])
        .expect(0);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains(
            "created 100 API keys (active, permission full, limit 300/day, expires never)"
        )
    );
    sandbox.expect_all(&names);
    let key = sandbox.show("key-64");
    assert_eq!(
        (&key["description"], &key["limit"]),
        (&"in bulk".into(), &"300/day".into())
    );
    assert_eq!(key["log"].as_array().unwrap().len(), 1);
}

#[test]
fn name_lists_may_have_comments_blank_lines_and_crlf() {
    let sandbox = Sandbox::new();
    let names = "\u{feff}# all of them\r\none\r\n\r\n  two  # the second\n#three\nFour";
    let args = ["generate", "api", "--from", "-", "--save-dir", "keys"];
    sandbox.run_with_input(args, names.as_bytes()).expect(0);
    sandbox.expect_all(&["one", "two", "Four"].map(str::to_owned));
}

#[test]
fn an_empty_file_name_is_an_error() {
    let sandbox = Sandbox::new();
    let args = ["generate", "api", "--from", "-", "--save-dir", "keys"];
    let run = sandbox.run_with_input(args, b"# none yet\n\n").expect(2);
    assert!(run.stderr.contains("no names in standard input"), "{run:?}");
    assert!(!sandbox.vault().exists() && !sandbox.secrets().exists());
}

#[test]
fn all_errors_are_reported_by_line_before_anything_is_created() {
    let sandbox = Sandbox::new();
    let leaked = sandbox.generate(["api", "there"]);
    let before = std::fs::read(sandbox.vault()).unwrap();
    let names = format!("one\nTwo Words\nthere\nONE\ntwo\n{leaked}\n\u{1b}[2J\n");
    std::fs::write(sandbox.home().join("names"), names).unwrap();
    let run = sandbox.make_many(&[]).expect(4);
    for told in [
        "error: line 2 of `names`: `Two Words` is not a key's name",
        "hint: use a name such as `two-words`",
        "error: line 3 of `names`: a key named `there` already exists",
        "error: line 4 of `names`: `ONE` is already on line 1",
        "error: line 6 of `names`: ",
        "error: line 7 of `names`: ",
        "error: 5 invalid lines in `names`; no key was created",
    ] {
        assert!(run.stderr.contains(told), "{told}: {run:?}");
    }
    let lines = run
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: line "));
    assert!(lines.is_sorted(), "{run:?}");
    assert!(!run.stderr.contains(&leaked[..20]) && !run.stderr.contains('\u{1b}'));
    assert!(!sandbox.secrets().exists() && std::fs::read(sandbox.vault()).unwrap() == before);
    let fresh = Sandbox::new();
    std::fs::write(fresh.home().join("names"), "not right\n").unwrap();
    fresh.make_many(&[]).expect(2);
    assert!(!fresh.vault().exists(), "a vault was made for nothing");
}

#[test]
fn the_first_faults_are_reported_and_all_counted() {
    let sandbox = Sandbox::new();
    let names: String = (0..5000).map(|_| "no name\ngood\n").collect();
    std::fs::write(sandbox.home().join("names"), names).unwrap();
    let run = sandbox.make_many(&["--format", "json"]).expect(2);
    let told: Vec<Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told.len(), 21, "{run:?}");
    let last = told[20]["error"]["message"].as_str().unwrap();
    assert!(last.starts_with("at least 1000 invalid lines in"), "{last}");
    let tenth = told[9]["error"]["message"].as_str().unwrap();
    assert!(tenth.starts_with("line 11 of"), "{tenth}");
}

#[test]
fn more_than_a_million_names_are_refused() {
    let sandbox = Sandbox::new();
    let script = "seq -f n%.0f 1000001 | \"$0\" generate api --from - --save-dir keys";
    let shell = sandbox.command(["-c", script, POSTKEY]);
    let run = Run::of(program(&shell, "sh").output().unwrap()).expect(2);
    assert!(
        run.stderr.contains("has more than a million names"),
        "{run:?}"
    );
    assert!(!sandbox.vault().exists() && !sandbox.secrets().exists());
}

#[test]
fn standard_output_gets_one_object_per_line() {
    let sandbox = Sandbox::new();
    sandbox.names(70);
    let args = ["generate", "smtp", "--from", "names", "--format", "jsonl"];
    let run = sandbox.run(args).expect(0);
    let keys: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: BTreeSet<_> = keys
        .iter()
        .map(|key| key["name"].as_str().unwrap())
        .collect();
    let usernames: BTreeSet<_> = keys
        .iter()
        .map(|key| key["username"].as_str().unwrap())
        .collect();
    assert_eq!((keys.len(), names.len(), usernames.len()), (70, 70, 70));
    for key in [&keys[0], &keys[69]] {
        assert_eq!(
            sandbox.verify(key["secret"].as_str().unwrap()),
            ("accepted".to_owned(), 0)
        );
    }
}

#[test]
fn nothing_is_created_without_a_destination() {
    let sandbox = Sandbox::new();
    sandbox.names(3);
    for format in ["text", "json", "csv", "env"] {
        let args = ["generate", "api", "--from", "names", "--format", format];
        assert!(sandbox.run(args).expect(2).stderr.contains("--save-dir"));
    }
    let nowhere = "\"$0\" generate api --from names --format jsonl >/dev/null";
    let shell = sandbox.command(["-c", nowhere, POSTKEY]);
    Run::of(program(&shell, "sh").output().unwrap()).expect(6);
    assert!(!sandbox.vault().exists());
}

#[test]
fn flags_that_are_one_keys_own_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.names(3);
    let from = ["--from", "names", "--save-dir", "keys"];
    for (args, why) in [
        (
            &["smtp", "--username", "only_one"][..],
            "can belong to only one key",
        ),
        (
            &["api", "--username", "ops@example.com"],
            "has no --username",
        ),
        (&["smtp", "--default"], "cannot be used with"),
        (
            &["smtp", "--passphrase-file", "names"],
            "only for the default key",
        ),
        (&["smtp", "--permission", "full"], "no --permission"),
        (&["api", "ci"], "cannot be used with"),
        (&[], "KIND"),
        (&["api", "--expires", "2001-01-01"], "not in the future"),
    ] {
        let words = ["generate"].iter().chain(args).chain(&from);
        let run = Run::of(sandbox.command(words.copied()).output().unwrap()).expect(2);
        assert!(run.stderr.contains(why), "{args:?}: {run:?}");
    }
    sandbox
        .run(["generate", "api", "ci", "--save-dir", "keys"])
        .expect(2);
    assert!(!sandbox.vault().exists());
}

#[test]
fn keys_can_share_a_login_and_be_imported_as_inactive() {
    let sandbox = Sandbox::new();
    sandbox.names(2);
    let shared = [
        "--username",
        "ops@example.com",
        "--inactive",
        "--format",
        "env",
    ];
    let args = ["generate", "smtp", "--from", "names", "--save-dir", "keys"];
    let words = args.iter().chain(&shared).copied();
    Run::of(sandbox.command(words).output().unwrap()).expect(0);
    let text = std::fs::read_to_string(sandbox.secrets().join("key-2.env")).unwrap();
    assert!(text.starts_with("KEY_2_SMTP_USERNAME=ops@example.com\nKEY_2_SMTP_PASSWORD=xsmtp"));
    assert_eq!(sandbox.show("key-2")["status"], "inactive");
    assert_eq!(sandbox.show("key-2")["tail"], tail(&text));
}

#[test]
fn if_absent_skips_existing_keys() {
    let sandbox = Sandbox::new();
    let names = sandbox.names(4);
    let old = sandbox.generate(["api", "key-2"]);
    sandbox.run(["deactivate", "key-2"]).expect(0);
    sandbox.make_many(&[]).expect(4);
    let run = sandbox.make_many(&["--if-absent"]).expect(0);
    for told in [
        "skipped 1 existing key",
        "warning: 1 key is inactive or expired",
        "warning: 1 existing key has no file",
        "created 3 API keys",
    ] {
        assert!(run.stderr.contains(told), "{told}: {run:?}");
    }
    let limit = ["--if-absent", "--limit", "3/day", "--strict"];
    let differing = sandbox.make_many(&limit[..3]).expect(0);
    let told = "`key-1` differs from the flags: limit is none, not 3/day";
    assert!(differing.stderr.contains(told), "{differing:?}");
    let refused = sandbox.make_many(&limit).expect(4);
    assert!(refused.stderr.contains(told), "{refused:?}");
    sandbox.run(["activate", "key-2"]).expect(0);
    assert_eq!(sandbox.verify(&old).1, 0);
    let again = sandbox.make_many(&["--if-absent", "--quiet"]).expect(0);
    assert!(
        again.stderr.is_empty() || again.stderr.contains("no file"),
        "{again:?}"
    );
    assert_eq!(sandbox.opened(&sandbox.secrets()).len(), names.len() - 1);
    let smtp = [
        "generate",
        "smtp",
        "--from",
        "names",
        "--save-dir",
        "mail",
        "--if-absent",
    ];
    let run = sandbox.run(smtp).expect(4);
    assert!(
        run.stderr
            .contains("line 1 of `names`: `key-1` already exists, but it is an API key")
    );
}
