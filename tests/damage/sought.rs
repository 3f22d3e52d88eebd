//! The log's filters.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::Connection;

use super::chain::told;
use crate::clock::at;
use crate::ledger::make_older;
use crate::sandbox::{Run, Sandbox};

/// The sequence numbers that pass a filter.
fn sought(sandbox: &Sandbox, args: &[&str]) -> Vec<i64> {
    let args = [&["log", "--format", "jsonl"], args].concat();
    let run = Run::of(sandbox.command(args).output().unwrap()).expect(0);
    let sequence = |line: &str| -> i64 {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        entry["sequence"].as_i64().unwrap()
    };
    run.stdout.lines().map(sequence).collect()
}

#[test]
fn entries_are_filtered_by_key_command_and_time() {
    let sandbox = told();
    // A day apart, the newest on 2026-01-08 at noon, UTC.
    let vault = Connection::open(sandbox.vault()).unwrap();
    let day = "UPDATE log SET at = unixepoch('2025-12-31 12:00:00') + 86400 * sequence";
    vault.execute_batch(day).unwrap();
    for (args, expected) in [
        (&[][..], &[1, 2, 3, 4, 5, 6, 7, 8][..]),
        (&["mail"], &[2, 5, 8]),
        (&["--key", "MAIL"], &[2, 5, 8]),
        (&["--key", "build"], &[1, 3, 4, 6, 7]),
        (&["--action", "generate"], &[1, 2]),
        (
            &["--action", "generate,rename", "--action=delete"],
            &[1, 2, 7, 8],
        ),
        (&["--since", "2026-01-07"], &[7, 8]),
        (&["--since", "2026-01-07T12:00:00Z"], &[7, 8]),
        (&["--since", "2026-01-07T14:00:01+02:00"], &[8]),
        (&["--until", "2026-01-02"], &[1]),
        (&["--until", "2026-01-02T12:00:00Z"], &[1]),
        (&["--since", "2026-01-03", "--until", "2026-01-05"], &[3, 4]),
        (
            &["mail", "--since=2026-01-03", "--action=deactivate,activate"],
            &[5],
        ),
        (&["--until", "1h"], &[1, 2, 3, 4, 5, 6, 7, 8]),
    ] {
        assert_eq!(sought(&sandbox, args), expected, "{args:?}");
    }
    let csv = sandbox
        .run(["log", "--action", "rename", "--format", "csv"])
        .expect(0);
    assert_eq!(csv.stdout.lines().count(), 2);
    let text = sandbox.run(["log", "--action", "rename"]).expect(0);
    assert!(text.stdout.contains("name ci → build"), "{text:?}");
}

#[test]
fn a_span_counts_back_from_now() {
    let sandbox = told();
    assert_eq!(sought(&sandbox, &["--since", "1h"]).len(), 8);
    assert_eq!(sought(&sandbox, &["--until", "1h"]).len(), 0);
}

#[test]
fn mismatched_and_missing_keys_are_distinguished() {
    let sandbox = told();
    for (format, nothing) in [("text", ""), ("json", "[]\n"), ("jsonl", "")] {
        let args = ["log", "mail", "--action", "rename", "--format", format];
        let run = sandbox.run(args).expect(0);
        assert_eq!(run.stdout, nothing);
        assert_eq!(
            run.stderr.contains("no log entry matches"),
            format == "text"
        );
    }
    let run = sandbox
        .run(["log", "--key", "missing", "--since", "1d"])
        .expect(3);
    assert!(run.stderr.contains("no key named `missing`"), "{run:?}");
}

#[test]
fn invalid_filters_are_refused_with_the_valid_values() {
    let sandbox = told();
    for (args, part) in [
        (["--action", "destroy"], "revoke, reveal, delete"),
        (["--action", "generate,"], "revoke, reveal, delete"),
        (["--since", "yesterday"], "2026-11-20"),
        (["--until=-3d", "--utc"], "--until"),
        (["--since=1d", "--until=2d"], "is not before"),
        (["mail", "--key=mail"], "cannot be used"),
        (["--since=1d", "verify"], "verifies the whole log"),
    ] {
        let run = sandbox.run(["log", args[0], args[1]]).expect(2);
        assert!(run.stderr.contains(part), "{args:?}: {run:?}");
    }
}

#[test]
fn every_entry_of_every_command_is_found_by_exactly_one_action() {
    let sandbox = Sandbox::new();
    let run = |line: &str| {
        let args = line.split(' ');
        Run::of(sandbox.command(args).output().unwrap()).expect(0);
    };
    let write = |name, text: &str| private(&sandbox.home().join(name), text);
    write(
        "passphrase",
        "a passphrase of many words, none of them known\n",
    );
    write("users", "oper:{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9hnMTIz\n");
    write(
        "keys.toml",
        "[[key]]\nname = \"applied\"\nkind = \"api\"\nsave = { file = \"applied.key\" }\n",
    );
    run("generate smtp mine --default --passphrase-file passphrase --save mine.key");
    run("reveal --passphrase-file passphrase --save revealed.key");
    run("generate api web");
    for line in LIFE {
        run(line);
    }
    run("generate api brief --expires 1h --save brief.key");
    at(&sandbox, "+2h", &["check"]);
    run("doctor --accept-clock --confirm brief");
    let old = fs::read_to_string(sandbox.home().join("mine.key")).unwrap();
    make_older(&sandbox, old.trim_end());
    sandbox.verify(old.trim_end());
    let all = sought(&sandbox, &[]);
    assert!(all.len() >= 20, "{all:?}");
    let mut found: Vec<i64> = Vec::new();
    for action in actions(&sandbox) {
        let of_this = sought(&sandbox, &["--action", &action]);
        assert!(!of_this.is_empty(), "{action} leaves no entry here");
        found.extend(of_this);
    }
    found.sort_unstable();
    assert_eq!(found, all);
}

/// Every kind of change, in a possible order.
const LIFE: [&str; 21] = [
    "deactivate web",
    "activate web",
    "regenerate --yes web",
    "rotate web",
    "rotate --finish --yes web",
    "rotate web",
    "rotate --abort --yes web",
    "revoke web",
    "revoke --replace web",
    "rename web site",
    "describe site what-it-is-for",
    "set site --limit 1/day",
    "set site --rotate-every 30d",
    "import dovecot users",
    "apply keys.toml",
    "run -- true",
    "backup backup.db",
    "delete --yes site",
    "restore --yes --keep-inactive backup.db",
    "backup again.db",
    "delete --yes applied",
];

/// The values of `--action`, from its error.
fn actions(sandbox: &Sandbox) -> Vec<String> {
    let refused = sandbox
        .run(["log", "--action", "x", "--format", "json"])
        .expect(2);
    let error: serde_json::Value = serde_json::from_str(&refused.stderr).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    let (_, values) = message.split_once("possible values: ").unwrap();
    let values = values.trim_end_matches(']').split(", ");
    values.map(str::to_owned).collect()
}

/// Creates a file that only its owner may read.
fn private(path: &Path, text: &str) {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_long_log_is_searched_page_by_page() {
    let sandbox = told();
    let vault = Connection::open(sandbox.vault()).unwrap();
    let more = "WITH RECURSIVE n (i) AS (SELECT 9 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO log SELECT i, at, uid, user, sudo_user, host,
          CASE i % 3 WHEN 0 THEN 'activate' ELSE 'set' END, key_id, key, change, hash
        FROM n JOIN log ON sequence = 8";
    vault.execute_batch(more).unwrap();
    let found = sought(&sandbox, &["--action", "activate"]);
    let expected: Vec<i64> = [6]
        .into_iter()
        .chain((9..=5000).filter(|i| i % 3 == 0))
        .collect();
    assert_eq!(found, expected);
}
