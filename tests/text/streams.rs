//! Standard output that is closed, full, or read partially.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::stock::stock;
use crate::secrecy::watch::program;

const READING: [&[&str]; 13] = [
    &["list"],
    &["show", "ci"],
    &["log"],
    &["check"],
    &["log", "verify"],
    &["verify"],
    &["identify"],
    &["explain"],
    &["doctor"],
    &["connect", "dovecot"],
    &["export", "json"],
    &["completions", "bash"],
    &["config"],
];

const TELLING: [&[&str]; 8] = [
    &["--help"],
    &["--version"],
    &["-h"],
    &["help"],
    &["help", "generate"],
    &["help", "mail"],
    &["generate", "--help"],
    &[],
];

#[test]
fn a_closed_pipe_is_not_an_error() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    stock(&sandbox, 5000);
    for format in ["text", "json", "jsonl", "csv"] {
        let mut command = sandbox.command(["list", "--format", format]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut reader = BufReader::with_capacity(16, child.stdout.take().unwrap());
        reader.read_line(&mut line).unwrap();
        drop(reader);
        let run = Run::of(child.wait_with_output().unwrap()).expect(0);
        assert!(
            line.len() > 1 && run.stderr.is_empty(),
            "{format}: {line:?} {run:?}"
        );
    }
}

#[test]
fn a_full_disk_is_reported() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci", "--expires", "1d"]);
    for args in READING {
        for format in ["text", "json", "jsonl", "csv"] {
            if ["connect", "completions"].contains(&args[0]) && format != "text" {
                continue;
            }
            let args = [args, &["--format", format]].concat();
            let run = redirected(&sandbox, ">/dev/full", &args).expect(5);
            assert!(
                run.stderr.contains("standard output: No space left"),
                "{args:?}: {run:?}"
            );
        }
    }
}

#[test]
fn a_closed_standard_output_is_no_panic() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci", "--expires", "1d"]);
    for args in READING.iter().chain(&TELLING) {
        for closed in [
            ">&-",
            ">&- 2>&-",
            "<&- >&- 2>&-",
            ">/dev/full",
            "2>/dev/full",
            ">/dev/full 2>&1",
        ] {
            let run = redirected(&sandbox, closed, args);
            let is_sound =
                (0..=7).contains(&run.status) && !run.stderr.contains("a bug in postkey");
            assert!(is_sound, "{args:?} {closed}: {run:?}");
        }
    }
}

pub fn redirected(sandbox: &Sandbox, how: &str, args: &[&str]) -> Run {
    let script = format!("exec \"$@\" {how}");
    let words = ["-c", &script, "sh", POSTKEY]
        .into_iter()
        .chain(args.iter().copied());
    let mut command: Command = program(&sandbox.command(words), "sh");
    Run::of(command.stdin(Stdio::null()).output().unwrap())
}
