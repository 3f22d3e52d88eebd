//! A system without random bytes, and a panic.

use crate::place::mounts::{expect_mounts, run_mounted};
use crate::place::refused::{READING, WRITING};
use crate::sandbox::{Run, Sandbox};

/// Runs with a failing getrandom(2), and empty random devices.
fn without_random(sandbox: &Sandbox, inject: &str, args: &[&str]) -> Run {
    let script = format!(
        "mount --bind /dev/null /dev/urandom && mount --bind /dev/null /dev/random &&
         exec strace -f -qqq -o /dev/null -e inject=getrandom:{inject} \"$@\" </dev/null"
    );
    run_mounted(sandbox, &script, sandbox.home(), args)
}

#[test]
fn every_command_reports_missing_random_bytes() {
    expect_mounts();
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let before = std::fs::read(sandbox.vault()).unwrap();
    let others: [&[&str]; 5] = [
        &["--version"],
        &["help"],
        &["check", "--format", "ics"],
        &["completions", "bash"],
        &["serve", "--listen", "127.0.0.1:0"],
    ];
    for args in [&READING[..], &WRITING[..], &others[..]].concat() {
        for errno in ["ENOSYS", "EPERM"] {
            let run = without_random(&sandbox, &format!("error={errno}"), args).expect(5);
            let is_told = run
                .stderr
                .starts_with("error: cannot get random bytes from the operating system");
            assert!(is_told && run.stdout.is_empty(), "{args:?}: {run:?}");
            assert!(run.stderr.contains("\nhint: "), "{args:?}: {run:?}");
        }
    }
    assert_eq!(std::fs::read(sandbox.vault()).unwrap(), before);
    let args = ["list", "--format", "json"];
    let run = without_random(&sandbox, "error=ENOSYS", &args).expect(5);
    assert!(
        run.stderr.starts_with("{\"error\":{\"code\":\"trouble\""),
        "{run:?}"
    );
}

#[test]
fn a_panic_is_reported_without_its_message() {
    expect_mounts();
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let args = ["describe", "ci", "something private"];
    let mut bugs = 0;
    // A hash table panics if random bytes fail after the start.
    for first in 2..8 {
        let run = without_random(&sandbox, &format!("error=ENOSYS:when={first}+"), &args);
        for word in ["panicked", "private", "failed to generate", "backtrace"] {
            assert!(
                run.status == 0 || !run.stderr.contains(word),
                "{word}: {run:?}"
            );
        }
        if run.stderr.contains("error: this is a bug in postkey (0.") {
            assert!(![0, 5].contains(&run.status), "{run:?}");
            assert!(run.stderr.contains("\nhint: "), "{run:?}");
            bugs += 1;
        }
    }
    assert!(bugs > 0);
}
