//! Many processes at once on one vault.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::undelivered;

/// How many processes run at once.
const MANY: usize = 64;

#[test]
fn all_of_many_processes_succeed_at_once() {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..MANY).map(|number| format!("key-{number}")).collect();
    let runs = at_once(
        &sandbox,
        names.iter().map(|name| vec!["generate", "api", name]),
    );
    let done = runs.iter().filter(|run| run.status == 0).count();
    assert_eq!(done, MANY, "{:?}", runs.iter().find(|run| run.status != 0));
    let list = sandbox.run(["list", "--format", "jsonl"]).expect(0).stdout;
    assert_eq!(list.lines().count(), MANY);
    let good = runs
        .iter()
        .filter(|run| sandbox.verify(run.stdout.trim()).1 == 0)
        .count();
    assert_eq!(good, MANY);
    expect_log_of(&sandbox, MANY);
}

#[test]
fn only_one_of_many_processes_creates_a_key_of_one_name() {
    let sandbox = Sandbox::new();
    let runs = at_once(&sandbox, (0..MANY).map(|_| vec!["generate", "api", "ci"]));
    let (won, lost): (Vec<&Run>, Vec<&Run>) = runs.iter().partition(|run| run.status == 0);
    assert_eq!((won.len(), lost.len()), (1, MANY - 1));
    for run in &lost {
        assert_eq!(run.status, 4, "{run:?}");
        if !run.stdout.is_empty() {
            assert_eq!(sandbox.verify(run.stdout.trim()).0, "unknown", "{run:?}");
        }
    }
    assert_eq!(sandbox.verify(won[0].stdout.trim()).0, "accepted");
    expect_log_of(&sandbox, 1);
}

#[test]
fn many_processes_may_make_the_vault_at_once() {
    for _ in 0..3 {
        let sandbox = Sandbox::new();
        let names: Vec<String> = (0..16).map(|number| format!("key-{number}")).collect();
        let runs = at_once(
            &sandbox,
            names.iter().map(|name| vec!["generate", "api", name]),
        );
        assert!(runs.iter().all(|run| run.status == 0), "{runs:?}");
        expect_log_of(&sandbox, 16);
    }
}

#[test]
fn many_changes_of_the_same_keys_are_done_or_a_conflict() {
    let sandbox = Sandbox::new();
    let names = ["a", "b", "c", "d"];
    for name in names {
        sandbox.generate(["api", name]);
    }
    let change = |number: usize| match (number % 4, names[number / 4 % 4]) {
        (0, name) => vec!["deactivate", name],
        (1, name) => vec!["activate", name],
        (_, name) => vec!["regenerate", "--yes", name],
    };
    let runs = at_once(&sandbox, (0..MANY).map(change));
    let mut new: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (number, run) in runs.iter().enumerate() {
        match (change(number).as_slice(), run.status) {
            (["regenerate", _, name], 0) => new.entry(name).or_default().push(run.stdout.trim()),
            (["regenerate", ..], 5 | 6) => {
                assert!(run.stderr.contains("changed by another process"), "{run:?}");
                let is_good =
                    !run.stdout.is_empty() && sandbox.verify(run.stdout.trim()).0 != "unknown";
                assert!(!is_good, "{run:?}");
            }
            _ => assert_eq!(run.status, 0, "{run:?}"),
        }
    }
    sandbox.run(["activate", "a", "b", "c", "d"]).expect(0);
    for (name, secrets) in new {
        let good = secrets
            .iter()
            .filter(|secret| sandbox.verify(secret).1 == 0)
            .count();
        assert_eq!(good, 1, "{name}");
    }
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn a_process_killed_during_delivery_leaves_no_lock_and_no_key() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    let (mut child, mut reader) = undelivered(&sandbox, &["generate", "api", "ci"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut printed = String::new();
    reader.read_to_string(&mut printed).unwrap();
    assert_eq!(printed.trim(), "");
    sandbox.run(["show", "ci"]).expect(3);
    sandbox
        .run(["generate", "api", "ci", "--wait", "1s"])
        .expect(0);
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn a_killed_process_leaves_no_lock_and_an_intact_vault() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let mut killed = 0;
    for delay in (0..15_000).step_by(250) {
        let mut child = quiet(&sandbox, &["regenerate", "--yes", "ci"]);
        sleep(Duration::from_micros(delay));
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        let mut child = quiet(&sandbox, &["deactivate", "ci"]);
        sleep(Duration::from_micros(delay / 4));
        child.kill().unwrap();
        child.wait().unwrap();
        sandbox.run(["activate", "ci", "--wait", "1s"]).expect(0);
    }
    assert!(killed > 10, "only {killed} were killed in time");
    sandbox.run(["log", "verify"]).expect(0);
    let secret = sandbox
        .run(["regenerate", "--yes", "ci"])
        .expect(0)
        .secret();
    assert_eq!(sandbox.verify(&secret).1, 0);
}

#[test]
fn a_writer_waits_for_the_configured_time_and_reports_the_lock() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    vault.execute_batch("BEGIN IMMEDIATE").unwrap();
    let busy = sandbox.run(["deactivate", "ci", "--wait", "1s"]).expect(5);
    assert!(
        busy.stderr.contains("busy") && busy.stderr.contains("--wait"),
        "{busy:?}"
    );
    sandbox.run(["list", "--wait", "1s"]).expect(0);
    let child = quiet(&sandbox, &["deactivate", "ci", "--wait", "30s"]);
    sleep(Duration::from_millis(300));
    drop(vault);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

/// Runs one process for each command line, all at once.
fn at_once<'a>(sandbox: &Sandbox, lines: impl Iterator<Item = Vec<&'a str>>) -> Vec<Run> {
    // A loaded machine takes longer than the usual five seconds.
    let start = |line: Vec<&str>| {
        let mut command = sandbox.command([line.as_slice(), &["--wait", "60s"]].concat());
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<Child> = lines.map(start).collect();
    children
        .into_iter()
        .map(|child| Run::of(child.wait_with_output().unwrap()))
        .collect()
}

fn quiet(sandbox: &Sandbox, args: &[&str]) -> Child {
    let mut command = sandbox.command(args.iter().copied());
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn expect_log_of(sandbox: &Sandbox, entries: usize) {
    let log = sandbox
        .run(["log", "verify", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(
        (&log["holds"], &log["entries"]),
        (&true.into(), &entries.into())
    );
}
