//! Too much input, or not text at all: a documented status, soon, in little memory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::fault;
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::lines::command_lines;
use crate::secrecy::watch::{program, run};

/// The memory limit of a flooded command, in KiB.
const MEMORY: &str = "262144";

/// How long a refusal may take, unoptimized and on a loaded machine.
const SOON: Duration = Duration::from_secs(20);

/// Programs that never stop writing.
const ENDLESS: [&str; 6] = [
    "yes",
    "cat /dev/zero",
    "yes ''",
    "yes ' '",
    "tr '\\0' '\\377' </dev/zero",
    "yes \"$(printf %0999d 1)\"",
];

#[test]
fn arguments_that_are_not_text_are_no_panic() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for bytes in [&b"\xff\xfe"[..], b"a\xc3\x28b", b"\xed\xa0\x80"] {
        for line in command_lines(&OsString::from_vec(bytes.to_vec())) {
            let run = run(&sandbox, &line);
            assert_eq!(fault(&run, ""), None, "{line:?}: {run:?}");
        }
    }
}

#[test]
fn long_arguments_are_no_panic() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for line in command_lines(OsStr::new(&"9".repeat(100_000))) {
        let run = run(&sandbox, &line);
        assert_eq!(fault(&run, ""), None, "{:?}: {run:?}", line.first());
    }
}

#[test]
fn two_megabytes_of_arguments_are_a_usage_error_soon() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for verb in ["show", "list", "deactivate", "delete", "generate", "set"] {
        for word in [
            "a".repeat(100_000),
            "\u{202e}".repeat(30_000),
            "-".repeat(9),
        ] {
            let words = std::iter::repeat_n(&word, 1_990_000 / (word.len() + 9));
            let mut command = sandbox.command([verb]);
            let start = Instant::now();
            let run = Run::of(command.args(words).output().unwrap()).expect(2);
            let took = start.elapsed();
            assert!(took < SOON && fault(&run, "").is_none(), "{verb}: {took:?}");
        }
    }
}

#[test]
fn endless_input_is_a_usage_error_soon_and_in_little_memory() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let mut faults = Vec::new();
    let many = &["generate", "api", "--from", "-", "--save-dir", "keys"];
    let import = &["import", "dovecot", "-"];
    for args in [&["verify"][..], &["deactivate", "-"], many, import] {
        for source in ENDLESS {
            let start = Instant::now();
            let run = flooded(&sandbox, source, args);
            let took = start.elapsed();
            if run.status != 2 || took > SOON || fault(&run, "").is_some() {
                faults.push(format!("{source} | {args:?}: {took:?} {run:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}: {faults:#?}", faults.len());
    assert_eq!(sandbox.show("ci")["status"], "active");
}

/// Runs the binary with input from a program that never stops writing.
fn flooded(sandbox: &Sandbox, source: &str, args: &[&str]) -> Run {
    let script = format!("{source} | (ulimit -v {MEMORY}; exec timeout -k 1 60 \"$@\")");
    let words = ["-c", &script, "sh", POSTKEY]
        .into_iter()
        .chain(args.iter().copied());
    let mut command = program(&sandbox.command(words), "sh");
    Run::of(command.stdin(Stdio::null()).output().unwrap())
}
