//! `postkey rotate`: two valid secrets for a while, and each way in which that ends.

mod bounds;
mod due;
mod ends;
mod served;
mod several;
mod told;

use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use crate::ledger;
use crate::sandbox::{Run, Sandbox};

/// A key that is being rotated: its old secret, and its new one.
fn rotating(sandbox: &Sandbox) -> (String, String) {
    let old = sandbox.generate(["api", "ci"]);
    (old, rotate(sandbox, &[]).expect(0).secret())
}

/// `rotate ci` with some flags.
fn rotate(sandbox: &Sandbox, flags: &[&str]) -> Run {
    let args = ["rotate", "ci"].iter().chain(flags).copied();
    Run::of(sandbox.command(args).output().unwrap())
}

/// The verdicts on an old secret and a new one, not recorded.
#[track_caller]
fn verdicts(sandbox: &Sandbox, old: &str, new: &str) -> [String; 2] {
    [old, new].map(|secret| {
        let args = ["identify", "--format", "json"];
        let run = sandbox.run_with_input(args, secret.as_bytes());
        run.json()["verdict"].as_str().unwrap().to_owned()
    })
}

fn tail(secret: &str) -> &str {
    &secret[secret.len() - 16..]
}

/// When the key's old secret retires, in seconds from now.
fn seconds_left(sandbox: &Sandbox) -> i64 {
    let until = sandbox.show("ci")["secrets"][1]["retires_at"].clone();
    let until: Timestamp = until.as_str().unwrap().parse().unwrap();
    until.as_second() - Timestamp::now().as_second()
}

/// Moves the end of every old secret, as if time had passed.
fn end_grace(sandbox: &Sandbox) {
    ledger::retire(sandbox, "ci", Timestamp::now().as_second() - 1);
}

/// The number of secrets in the vault.
fn secrets(sandbox: &Sandbox) -> i64 {
    let vault = Connection::open(sandbox.vault()).unwrap();
    vault
        .query_row("SELECT count(*) FROM secrets", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn both_secrets_work_during_the_grace_period_and_then_only_the_new_one() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    let new = rotate(&sandbox, &["--grace", "2s"]).expect(0).secret();
    assert_eq!(verdicts(&sandbox, &old, &new), ["accepted", "accepted"]);
    assert_eq!(sandbox.show("ci")["status"], "rotating");
    sleep(Duration::from_millis(2100));
    assert_eq!(verdicts(&sandbox, &old, &new), ["retired", "accepted"]);
    assert_eq!(sandbox.show("ci")["status"], "active");
    assert_eq!(sandbox.verify(&old), ("retired".to_owned(), 1));
}

#[test]
fn the_grace_period_is_one_day_by_default() {
    let sandbox = Sandbox::new();
    rotating(&sandbox);
    assert!((86_300..=86_400).contains(&seconds_left(&sandbox)));
    rotate(&sandbox, &["--abort", "--yes"]).expect(0);
    rotate(&sandbox, &["--grace", "2w"]).expect(0);
    assert!((14 * 86_400 - 100..=14 * 86_400).contains(&seconds_left(&sandbox)));
}

#[test]
fn a_rotation_changes_nothing_but_the_secret() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["smtp", "ci", "--username", "rails_prod"]);
    let strip = |mut key: serde_json::Value| {
        for field in ["tail", "status", "secrets", "log"] {
            key.as_object_mut().unwrap().remove(field).unwrap();
        }
        // The age counts from the new secret.
        key["policy"]["rotation_due_at"] = serde_json::Value::Null;
        key
    };
    let before = strip(sandbox.show("ci"));
    let new = rotate(&sandbox, &[]).expect(0).secret();
    assert_eq!(strip(sandbox.show("ci")), before);
    for secret in [&old, &new] {
        let args = ["verify", "--username", "rails_prod", "--kind", "smtp"];
        sandbox.run_with_input(args, secret.as_bytes()).expect(0);
    }
}

#[test]
fn a_second_rotation_is_refused_with_the_next_steps() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    let before = std::fs::read(sandbox.vault()).unwrap();
    let second = rotate(&sandbox, &["--grace", "48h"]).expect(4);
    assert_eq!(second.stdout, "");
    for said in [
        "`ci` is already being rotated",
        &format!("…{} works until", &old[old.len() - 4..]),
        "`postkey rotate --finish ci`",
        "`postkey rotate --abort ci`",
    ] {
        assert!(second.stderr.contains(said), "{said}: {second:?}");
    }
    assert_eq!(std::fs::read(sandbox.vault()).unwrap(), before);
    assert_eq!(verdicts(&sandbox, &old, &new), ["accepted", "accepted"]);
}

#[test]
fn a_new_rotation_can_begin_after_the_last_ended() {
    let sandbox = Sandbox::new();
    let (first, second) = rotating(&sandbox);
    end_grace(&sandbox);
    let third = rotate(&sandbox, &[]).expect(0).secret();
    assert_eq!(
        verdicts(&sandbox, &second, &third),
        ["accepted", "accepted"]
    );
    assert_eq!(sandbox.verify(&first).0, "retired");
    rotate(&sandbox, &["--finish", "--yes"]).expect(0);
    let fourth = rotate(&sandbox, &[]).expect(0).secret();
    assert_eq!(
        verdicts(&sandbox, &third, &fourth),
        ["accepted", "accepted"]
    );
    assert_eq!(sandbox.verify(&second).0, "retired");
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn an_undelivered_secret_does_not_replace_the_old_one() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    for script in [
        "exec \"$@\" >&-",
        "exec \"$@\" >/dev/full",
        "exec \"$@\" >/dev/null",
    ] {
        let words = ["-c", script, "sh", crate::sandbox::POSTKEY, "rotate", "ci"];
        let mut command = crate::secrecy::watch::program(&sandbox.command(words), "sh");
        let run = Run::of(command.output().unwrap());
        assert_ne!(run.status, 0, "{script}: {run:?}");
        assert_eq!(sandbox.show("ci")["status"], "active", "{script}");
        assert_eq!(sandbox.show("ci")["tail"], tail(&old), "{script}");
    }
    rotate(&sandbox, &[]).expect(0);
    assert_eq!(sandbox.verify(&old).0, "accepted");
}

#[test]
fn only_one_of_many_concurrent_rotations_succeeds() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    let start = |_| {
        let mut command = sandbox.command(["rotate", "ci", "--wait", "60s"]);
        command.stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let children: Vec<_> = (0..16).map(start).collect();
    let ended = children.into_iter();
    let runs = ended.map(|child| Run::of(child.wait_with_output().unwrap()));
    let (won, lost): (Vec<Run>, Vec<Run>) = runs.partition(|run| run.status == 0);
    assert_eq!((won.len(), lost.len()), (1, 15));
    for run in lost {
        assert!(matches!(run.status, 4 | 5), "{run:?}");
        assert!(run.stdout.is_empty() || sandbox.verify(run.stdout.trim()).0 == "unknown");
    }
    let new = won[0].stdout.trim();
    assert_eq!(verdicts(&sandbox, &old, new), ["accepted", "accepted"]);
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn of_two_concurrent_rotations_the_first_wins() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    let (child, mut reader) = crate::secrecy::watch::undelivered(&sandbox, &["rotate", "ci"]);
    let new = rotate(&sandbox, &["--wait", "1s"]).expect(0).secret();
    let mut late = String::new();
    std::io::Read::read_to_string(&mut reader, &mut late).unwrap();
    let status = child.wait_with_output().unwrap().status.code();
    assert_eq!(status, Some(4));
    assert_eq!(verdicts(&sandbox, &old, &new), ["accepted", "accepted"]);
    assert_eq!(sandbox.verify(late.trim()), ("unknown".to_owned(), 1));
}

#[test]
fn the_grace_period_begins_after_the_delivery() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    let args = ["rotate", "ci", "--grace", "3s"];
    let (child, mut reader) = crate::secrecy::watch::undelivered(&sandbox, &args);
    sleep(Duration::from_millis(3100));
    assert_eq!(sandbox.verify(&old).0, "accepted");
    let mut new = String::new();
    std::io::Read::read_to_string(&mut reader, &mut new).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(
        verdicts(&sandbox, &old, new.trim()),
        ["accepted", "accepted"]
    );
}

#[test]
fn env_is_only_a_format_of_commands_that_create_secrets() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let secrets = regex::Regex::new(crate::sandbox::SECRET).unwrap();
    for format in ["json", "jsonl", "csv", "env"] {
        let run = rotate(&sandbox, &["--format", format]).expect(0);
        let secret = secrets.find(&run.stdout).unwrap().as_str();
        assert_eq!(sandbox.verify(secret).0, "accepted", "{format}");
        if format == "json" {
            let key = run.json();
            assert_eq!(
                (&key["status"], &key["secret"]),
                (&"rotating".into(), &secret.into())
            );
        }
        let ended = rotate(&sandbox, &["--abort", "--yes", "--format", "env"]).expect(2);
        assert!(
            ended.stderr.contains("format `env` is not supported"),
            "{ended:?}"
        );
        let ended = rotate(&sandbox, &["--finish", "--yes", "--format", "jsonl"]).expect(0);
        assert_eq!(ended.json()["tail"], tail(secret));
        assert_eq!(ended.json()["status"], "active");
    }
}
