//! A result that cannot be written after its change was made: the messages are correct.

use std::fs;
use std::io::pipe;

use super::streams::redirected;
use crate::sandbox::{Run, Sandbox};

/// A command that changes something and then prints a result: its preparation, and its message if
/// the result is lost.
struct Changing {
    before: &'static [&'static str],
    line: &'static str,
    done: &'static str,
    /// Whether it changes anything if the result will certainly be lost.
    is_urgent: bool,
}

const fn changing(before: &'static [&'static str], line: &'static str) -> Changing {
    Changing {
        before,
        line,
        done: "the change was committed",
        is_urgent: false,
    }
}

const CHANGING: [Changing; 15] = [
    changing(&["deactivate ci"], "activate ci --format json"),
    changing(&[], "rename ci web --format csv"),
    changing(&[], "describe ci text --format json"),
    changing(&[], "set ci --limit 1/day --format jsonl"),
    changing(&["rotate ci"], "rotate --finish --yes ci --format json"),
    changing(&["rotate ci"], "rotate --abort --yes ci --format json"),
    changing(&[], "delete --yes ci --format json"),
    changing(&[], "import htpasswd users"),
    changing(&[], "import htpasswd users --format json"),
    changing(&[], "apply keys.toml --format json"),
    Changing {
        done: "the backup was created",
        ..changing(&[], "backup copy.db")
    },
    Changing {
        done: "the export was written",
        ..changing(&[], "export json export.json --format json")
    },
    Changing {
        is_urgent: true,
        ..changing(&[], "deactivate ci --format json")
    },
    Changing {
        done: "`ci` was revoked",
        is_urgent: true,
        ..changing(&[], "revoke ci --format json")
    },
    Changing {
        done: "`ci` was revoked",
        is_urgent: true,
        ..changing(&["deactivate ci"], "revoke ci --format json")
    },
];

#[test]
fn a_result_that_is_lost_after_the_change_is_not_called_nothing_changed() {
    for changing in &CHANGING {
        let sandbox = prepared(changing);
        let before = state(&sandbox);
        let run = on(&sandbox, changing, ">/dev/full").expect(8);
        let told = format!("{}, but cannot write to standard output", changing.done);
        assert!(run.stderr.contains(&told), "{}: {run:?}", changing.line);
        assert!(run.stderr.contains("hint"), "{}: {run:?}", changing.line);
        let is_changed = state(&sandbox) != before;
        assert!(
            is_changed || !changing.before.is_empty(),
            "{}",
            changing.line
        );
    }
}

#[test]
fn only_emergency_commands_run_with_standard_output_closed() {
    for changing in &CHANGING {
        let sandbox = prepared(changing);
        let before = state(&sandbox);
        let run = on(&sandbox, changing, ">&-");
        let is_changed = state(&sandbox) != before;
        match changing.is_urgent {
            true => assert_eq!(run.status, 8, "{}: {run:?}", changing.line),
            false => assert_eq!((run.status, is_changed), (5, false), "{run:?}"),
        }
        assert!(run.stderr.contains("standard output"), "{run:?}");
    }
}

#[test]
fn a_closed_pipe_does_not_prevent_changes() {
    for changing in &CHANGING {
        let sandbox = prepared(changing);
        let before = state(&sandbox);
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = sandbox.command(changing.line.split(' '));
        Run::of(command.stdout(writer).output().unwrap()).expect(0);
        let is_changed = state(&sandbox) != before;
        assert!(
            is_changed || !changing.before.is_empty(),
            "{}",
            changing.line
        );
    }
}

#[test]
fn commands_that_print_first_change_nothing_if_that_fails() {
    let sandbox = prepared(&CHANGING[1]);
    sandbox.run(["backup", "copy.db"]).expect(0);
    sandbox.run(["describe", "ci", "text"]).expect(0);
    let before = state(&sandbox);
    for line in [
        "restore --yes copy.db",
        "apply keys.toml",
        "log verify --save-head head",
    ] {
        for how in [">&-", ">/dev/full"] {
            let args: Vec<&str> = line.split(' ').collect();
            redirected(&sandbox, how, &args).expect(5);
            assert_eq!(state(&sandbox), before, "{line} {how}");
            assert!(!sandbox.home().join("head").exists());
        }
    }
}

#[test]
fn a_failed_report_does_not_undo_the_revocation() {
    for (place, why) in [
        ("nowhere/report.md", "does not exist"),
        ("users", "users"),
        ("/dev/full", "/dev/full"),
    ] {
        for line in ["revoke ci --report", "revoke --replace ci --report"] {
            let sandbox = prepared(&CHANGING[0]);
            let secret = sandbox.run(["regenerate", "--yes", "ci"]).secret();
            sandbox.run(["activate", "ci"]).expect(0);
            let args = line.split(' ').chain([place]);
            let run = Run::of(sandbox.command(args).output().unwrap()).expect(8);
            assert!(run.stderr.contains("`ci` was revoked, but"), "{run:?}");
            assert!(run.stderr.contains(why), "{run:?}");
            assert_eq!(sandbox.verify(&secret).1, 1);
        }
    }
}

/// Output without rows.
const NOTHING_HERE: [&str; 4] = [
    "check",
    "usage",
    "list --kind smtp",
    "restore --dry-run copy.db",
];

#[test]
fn every_command_with_a_result_fails_where_standard_output_is_closed_or_not_for_writing() {
    let sandbox = prepared(&CHANGING[1]);
    sandbox.run(["backup", "copy.db"]).expect(0);
    for line in [
        "list",
        "list --kind smtp",
        "show ci",
        "log",
        "log verify",
        "check",
        "usage",
        "verify",
        "identify",
        "explain",
        "doctor",
        "connect nginx",
        "connect dovecot",
        "export json",
        "completions bash",
        "config",
        "import htpasswd --dry-run users",
        "restore --dry-run copy.db",
        "apply --dry-run keys.toml",
        "--help",
        "--version",
        "help",
        "help generate",
        "help mail",
        "list --help",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let run = redirected(&sandbox, ">&-", &args).expect(5);
        assert!(
            run.stderr.contains("standard output: it is closed"),
            "{run:?}"
        );
        if !NOTHING_HERE.contains(&line) {
            redirected(&sandbox, "1<users", &args).expect(5);
        }
        // Without a reader, only the status may be wanted.
        let run = redirected(&sandbox, ">/dev/null", &args);
        assert!(run.status < 2, "{line}: {run:?}");
    }
}

#[test]
fn commands_without_text_results_work_with_standard_output_closed() {
    let sandbox = prepared(&CHANGING[1]);
    for line in [
        "deactivate ci",
        "activate ci",
        "rename ci web",
        "describe web text",
        "set web --limit 1/day",
        "rotate web --save web.key",
        "rotate --finish --yes web",
        "generate api more --save more.key",
        "export json export.json",
        "revoke web",
        "delete --yes web",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        redirected(&sandbox, ">&-", &args).expect(0);
    }
}

fn prepared(changing: &Changing) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let write = |name, text| fs::write(sandbox.home().join(name), text).unwrap();
    write("users", "someone:{SHA}fEqNCco3Yq9h5ZUglD3CZJT4lBs=\n");
    write(
        "keys.toml",
        "[[key]]\nname = \"web\"\nkind = \"api\"\nsave = { file = \"web.key\" }\n",
    );
    for line in changing.before {
        let args = line.split(' ');
        Run::of(sandbox.command(args).output().unwrap()).expect(0);
    }
    sandbox
}

fn on(sandbox: &Sandbox, changing: &Changing, how: &str) -> Run {
    let args: Vec<&str> = changing.line.split(' ').collect();
    redirected(sandbox, how, &args)
}

/// What shows whether anything was changed.
fn state(sandbox: &Sandbox) -> (usize, bool, bool) {
    let log = sandbox.run(["log", "--format", "jsonl"]).expect(0).stdout;
    let is_there = |name| sandbox.home().join(name).exists();
    (
        log.lines().count(),
        is_there("copy.db"),
        is_there("export.json"),
    )
}
