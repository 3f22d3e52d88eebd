//! The log's filters: what is asked for, and nothing else.

use rusqlite::Connection;

use super::chain::told;
use crate::place::refused::WRITING;
use crate::sandbox::{Run, Sandbox};

/// The sequence numbers that a filter lets through.
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
fn entries_are_sought_by_key_command_and_time_and_all_of_them_together() {
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
fn what_does_not_match_and_what_does_not_exist_are_told_apart() {
    let sandbox = told();
    for (format, nothing) in [("text", ""), ("json", "[]\n"), ("jsonl", "")] {
        let args = ["log", "mail", "--action", "rename", "--format", format];
        let run = sandbox.run(args).expect(0);
        assert_eq!(run.stdout, nothing);
        assert_eq!(
            run.stderr.contains("nothing in the log matches"),
            format == "text"
        );
    }
    let run = sandbox
        .run(["log", "--key", "missing", "--since", "1d"])
        .expect(3);
    assert!(run.stderr.contains("no key is named `missing`"), "{run:?}");
}

#[test]
fn a_wrong_word_or_moment_is_refused_with_the_right_ones() {
    let sandbox = told();
    for (args, part) in [
        (["--action", "destroy"], "revoke, reveal, delete"),
        (["--action", "generate,"], "revoke, reveal, delete"),
        (["--since", "yesterday"], "2026-11-20"),
        (["--until=-3d", "--utc"], "--until"),
        (["--since=1d", "--until=2d"], "is not before"),
        (["mail", "--key=mail"], "cannot be used"),
        (["--verify", "--since=1d"], "cannot be used"),
    ] {
        let run = sandbox.run(["log", args[0], args[1]]).expect(2);
        assert!(run.stderr.contains(part), "{args:?}: {run:?}");
    }
}

#[test]
fn every_command_that_changes_something_can_be_sought() {
    let sandbox = told();
    for command in WRITING.iter().map(|args| args[0]).chain(["reveal"]) {
        sandbox.run(["log", "--action", command]).expect(0);
    }
}

#[test]
fn a_long_log_is_sought_through_page_by_page() {
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
