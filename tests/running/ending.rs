//! However the program or postkey ends, no valid key is left.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use rusqlite::Connection;

use super::{command, entries, in_shell, keys, run, with_a_vault};
use crate::prompts::terminal::{PATIENCE, until};
use crate::sandbox::{POSTKEY, Run, Sandbox};

/// Waits for a line of input.
const WAITS: &str = "read line; exit $line";

#[test]
fn the_exit_status_is_the_programs() {
    let sandbox = with_a_vault();
    for (script, status) in [
        ("exit 0", 0),
        ("exit 1", 1),
        ("exit 8", 8),
        ("exit 255", 255),
        ("kill -9 $$", 137),
        ("kill -15 $$", 143),
        ("kill -2 $$", 130),
        ("kill -6 $$", 134),
    ] {
        let ended = run(&sandbox, &[], script).expect(status);
        assert_eq!((&*ended.stdout, &*ended.stderr), ("", ""), "{script}");
        assert_eq!(keys(&sandbox), ["stays"], "{script}");
    }
    // Even if the caller ignores the end of children.
    let line = format!("trap '' CHLD; exec {POSTKEY} run -- sh -c 'exit 5'");
    in_shell(&sandbox, &line).expect(5);
}

#[test]
fn a_killed_postkey_leaves_a_key_that_expires() {
    let sandbox = with_a_vault();
    let mut child = started(&sandbox, &["api", "job", "--for", "2s"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let names = keys(&sandbox);
    assert_eq!(names.len(), 2);
    let left = names.iter().find(|name| name.starts_with("job-")).unwrap();
    let has_expired = || sandbox.show(left)["status"] == "expired";
    assert!(until(PATIENCE, has_expired));
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn a_program_that_outlives_its_key_is_reported() {
    let sandbox = with_a_vault();
    let ended = run(&sandbox, &["--for", "1s"], "sleep 2; exit 3").expect(3);
    assert!(
        ended.stderr.contains(" ago, before the program ended"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("--for"), "{ended:?}");
    assert_eq!(keys(&sandbox), ["stays"]);
}

#[test]
fn a_key_that_cannot_be_deleted_is_reported() {
    for (status, due) in [("0", 8), ("3", 3)] {
        let sandbox = with_a_vault();
        let mut child = started(&sandbox, &["--wait", "100ms"]);
        let lock = Connection::open(sandbox.vault()).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        writeln!(child.stdin.take().unwrap(), "{status}").unwrap();
        let ended = Run::of(child.wait_with_output().unwrap()).expect(due);
        assert!(ended.stderr.contains("was not deleted"), "{ended:?}");
        assert!(ended.stderr.contains("it expires 20"), "{ended:?}");
        assert!(ended.stderr.contains("`postkey delete run-"), "{ended:?}");
        drop(lock);
        assert_eq!(keys(&sandbox).len(), 2);
    }
}

#[test]
fn a_key_that_was_changed_meanwhile_is_deleted_and_one_that_was_deleted_is_no_error() {
    let sandbox = with_a_vault();
    for (args, more) in [
        (
            &["set", "@", "--name", "other", "--expires", "never"][..],
            1,
        ),
        (&["deactivate", "@"], 1),
        (&["delete", "@", "--yes"], 1),
    ] {
        let before = entries(&sandbox).len();
        let mut child = started(&sandbox, &[]);
        let name = keys(&sandbox)
            .into_iter()
            .find(|name| name != "stays")
            .unwrap();
        let args = args.iter().map(|arg| arg.replace('@', &name));
        Run::of(sandbox.command(args).output().unwrap()).expect(0);
        writeln!(child.stdin.take().unwrap(), "0").unwrap();
        let ended = Run::of(child.wait_with_output().unwrap()).expect(0);
        assert_eq!(ended.stderr, "");
        assert_eq!(keys(&sandbox), ["stays"]);
        assert!(entries(&sandbox).len() > before + more - 1);
    }
}

/// A program that has its key, and waits.
fn started(sandbox: &Sandbox, flags: &[&str]) -> std::process::Child {
    let mut command = command(sandbox, flags, WAITS);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    assert!(until(Duration::from_secs(20), || keys(sandbox).len() == 2));
    child
}
