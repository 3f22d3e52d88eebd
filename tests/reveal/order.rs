//! A secret is shown only after its log entry is committed.

use std::fs;
use std::process::Stdio;

use rusqlite::Connection;

use crate::place::mounts::{expect_mounts, run_mounted};
use crate::place::read_only::READ_ONLY;
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

const REVEAL: [&str; 3] = ["reveal", "--passphrase-file", "pass"];

#[test]
fn the_entry_is_committed_before_the_secret_is_written() {
    let (sandbox, secret) = Sandbox::with_default_key();
    let words = ["-f", "-qq", "-s", "5000", "-o", "trace", POSTKEY];
    let words = words.iter().chain(&REVEAL);
    let mut command = program(&sandbox.command(words.copied()), "strace");
    let run = Run::of(command.stdin(Stdio::null()).output().unwrap()).expect(0);
    assert_eq!(run.secret(), secret);
    let trace = fs::read_to_string(sandbox.home().join("trace")).unwrap();
    let at = |part: &str| {
        let places = trace.lines().enumerate();
        let mut found = places
            .filter(|(_, line)| line.contains(part))
            .map(|(at, _)| at);
        (found.next(), found.last())
    };
    // SQLite commits by removing the journal.
    let (committed, again) = at("unlink(\"");
    assert!(committed.is_some() && again.is_none(), "{trace}");
    let (shown, again) = at(&secret[..30]);
    assert!(committed < shown && again.is_none(), "{trace}");
    let (read, again) = at("horse");
    let is_read = |at: usize| trace.lines().nth(at).unwrap().contains(" read(");
    assert!(read.is_some_and(is_read) && again.is_none(), "{trace}");
}

#[test]
fn nothing_is_revealed_without_a_log_entry() {
    let (sandbox, secret) = Sandbox::with_default_key();
    let limited = |blocks: u64| {
        let script = format!("ulimit -f {blocks}; exec \"$@\"");
        let words = ["-c", &script, "sh", POSTKEY].into_iter().chain(REVEAL);
        let mut command = program(&sandbox.command(words), "sh");
        Run::of(command.stdin(Stdio::null()).output().unwrap())
    };
    for blocks in [0, 1, 2, 8] {
        let before = sandbox.entries();
        let run = limited(blocks);
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (5, ""),
            "{blocks}: {run:?}"
        );
        assert_eq!(sandbox.entries(), before);
    }
    assert_eq!(limited(100_000).expect(0).secret(), secret);
}

#[test]
fn a_locked_or_read_only_vault_reveals_nothing() {
    let (sandbox, secret) = Sandbox::with_default_key();
    let vault = Connection::open(sandbox.vault()).unwrap();
    vault.execute_batch("BEGIN IMMEDIATE").unwrap();
    let busy = [&REVEAL[..], &["--wait", "1s"]].concat();
    let output = sandbox.command(busy).output().unwrap();
    let run = Run::of(output).expect(5);
    assert!(
        run.stdout.is_empty() && run.stderr.contains("busy"),
        "{run:?}"
    );
    vault.execute_batch("ROLLBACK").unwrap();
    drop(vault);
    expect_mounts();
    let folder = sandbox.vault().parent().unwrap().to_owned();
    let run = run_mounted(&sandbox, READ_ONLY, &folder, &REVEAL).expect(5);
    assert!(
        run.stdout.is_empty() && run.stderr.contains("read-only"),
        "{run:?}"
    );
    let list = run_mounted(&sandbox, READ_ONLY, &folder, &["list"]).expect(0);
    assert!(list.stdout.contains("active, default"), "{list:?}");
    assert_eq!(sandbox.reveal().expect(0).secret(), secret);
}

#[test]
fn an_output_that_discards_data_is_refused() {
    let (sandbox, _) = Sandbox::with_default_key();
    let before = sandbox.entries();
    for redirection in [">&-", ">/dev/null", ">/dev/full"] {
        let script = format!("exec \"$@\" {redirection}");
        let words = ["-c", &script, "sh", POSTKEY].into_iter().chain(REVEAL);
        let mut command = program(&sandbox.command(words), "sh");
        let run = Run::of(command.stdin(Stdio::null()).output().unwrap());
        assert_eq!(run.status, 6, "{redirection}: {run:?}");
    }
    assert_eq!(sandbox.entries(), before);
}
