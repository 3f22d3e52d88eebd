//! Errors report the real cause: a failing disk is not damage, and limits are named.

use std::fs;

use crate::place::refused::{READING, WRITING};
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

/// Runs under strace, which makes system calls fail, or under another program.
fn under(sandbox: &Sandbox, name: &str, words: &[&str], args: &[&str]) -> Run {
    let words = words.iter().chain([&POSTKEY]).chain(args).copied();
    Run::of(program(&sandbox.command(words), name).output().unwrap())
}

fn failing(sandbox: &Sandbox, inject: &str, args: &[&str]) -> Run {
    let inject = format!("inject={inject}");
    under(
        sandbox,
        "strace",
        &["-f", "-qqq", "-o", "/dev/null", "-e", &inject],
        args,
    )
}

#[test]
fn a_failing_disk_is_not_reported_as_a_damaged_vault() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.generate(["api", "idle", "--inactive"]);
    let vault = fs::read(sandbox.vault()).unwrap();
    let more: [&[&str]; 4] = [&["check"], &["doctor"], &["log", "verify"], &["usage"]];
    let mut failures = 0;
    for args in [&READING[..], &WRITING[..], &more[..]].concat() {
        // The loader reads first, then SQLite: the header, the schema, the tables.
        for first in [4, 5, 6, 7, 9, 12, 15, 19] {
            for rest in ["", "+"] {
                fs::write(sandbox.vault(), &vault).unwrap();
                let inject = format!("pread64:error=EIO:when={first}{rest}");
                let run = failing(&sandbox, &inject, args);
                let told = format!("{}{}", run.stderr, run.stdout).to_lowercase();
                let is_damage = told.contains("damaged") && !told.contains("usage.db");
                assert!(!is_damage, "{args:?} {inject}: {run:?}");
                if run
                    .stderr
                    .contains("error: cannot read the vault: input/output error")
                {
                    assert!(run.stderr.contains("dmesg"), "{args:?} {inject}: {run:?}");
                    failures += 1;
                }
            }
        }
    }
    assert!(failures > 50, "{failures}");
    fs::write(sandbox.vault(), &vault).unwrap();
    assert_eq!(sandbox.verify(&secret).0, "accepted");
}

#[test]
fn a_limit_on_open_files_is_named() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let args = ["describe", "ci", "x"];
    let mut failures = 0;
    // Some may be open from the start, and the loader needs one, too.
    for limit in 4..12 {
        let run = under(&sandbox, "prlimit", &[&format!("--nofile={limit}")], &args);
        assert!(!run.stderr.contains("unable to open"), "{limit}: {run:?}");
        if run.stderr.contains("oo many open files") && run.status == 5 {
            assert!(run.stderr.contains("ulimit -n"), "{run:?}");
            failures += 1;
        }
    }
    assert!(failures > 0);
    for errno in ["EMFILE", "ENFILE"] {
        let mut failures = 0;
        for first in 3..20 {
            let run = failing(
                &sandbox,
                &format!("openat:error={errno}:when={first}+"),
                &args,
            );
            assert!(!run.stderr.contains("unable to open"), "{first}: {run:?}");
            failures += usize::from(run.stderr.contains("oo many open files"));
        }
        assert!(failures > 0);
    }
}
