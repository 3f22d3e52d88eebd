//! `run`: a program with a temporary key.

mod ending;
mod signals;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

/// A program that says whether the key of `run` is accepted.
pub const VERIFY: &str = r#"printf %s "$RUN_API_KEY" | "$POSTKEY" verify"#;

/// A sandbox with a vault, and one key that stays.
pub fn with_a_vault() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "stays"]);
    sandbox
}

/// `postkey run` with these flags and a script for `sh`.
pub fn command(sandbox: &Sandbox, flags: &[&str], script: &str) -> Command {
    let args = [&["run"], flags, &["--", "sh", "-c", script]].concat();
    let mut command = sandbox.command(args);
    command.env("POSTKEY", POSTKEY);
    command
}

pub fn run(sandbox: &Sandbox, flags: &[&str], script: &str) -> Run {
    Run::of(command(sandbox, flags, script).output().unwrap())
}

/// A line for bash, in the sandbox.
pub fn in_shell(sandbox: &Sandbox, line: &str) -> Run {
    let command = sandbox.command(["-c", line]);
    Run::of(program(&command, "bash").output().unwrap())
}

/// The names of the keys.
pub fn keys(sandbox: &Sandbox) -> Vec<String> {
    let list = sandbox.run(["list", "--names"]).expect(0).stdout;
    list.lines().map(str::to_owned).collect()
}

/// The log entries of `run`.
pub fn entries(sandbox: &Sandbox) -> Vec<Value> {
    let log = sandbox.run(["log", "--action", "run", "--format", "json"]);
    log.expect(0).json().as_array().unwrap().clone()
}

#[test]
fn the_key_is_valid_while_the_program_runs_and_deleted_afterwards() {
    let sandbox = with_a_vault();
    let script = format!(r#"{VERIFY}; "$POSTKEY" list --json; printf %s "$RUN_API_KEY" >secret"#);
    let flags = ["--permission", "send-only", "--for", "15m"];
    let ended = run(&sandbox, &flags, &script).expect(0);
    assert_eq!(ended.stderr, "");
    let (verdict, list) = ended.stdout.split_once('\n').unwrap();
    assert!(verdict.contains("accepted: the API key `run-"), "{verdict}");
    let list: Value = serde_json::from_str(list).unwrap();
    let key = &list[1];
    assert_eq!(key["permission"], "send-only");
    assert_eq!(key["description"], "while `sh` runs");
    assert!(key["expires_at"].is_string());

    assert_eq!(keys(&sandbox), ["stays"]);
    let secret = fs::read_to_string(sandbox.home().join("secret")).unwrap();
    assert_eq!(sandbox.verify(&secret), ("deleted".to_owned(), 1));
    let entries = entries(&sandbox);
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["key"], entries[1]["key"]);
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn the_variables_are_those_of_the_name_or_the_given_ones() {
    let sandbox = with_a_vault();
    for (flags, variables) in [
        (&[][..], &["RUN_API_KEY"][..]),
        (&["api", "deploy"], &["DEPLOY_API_KEY"]),
        (&["--env-name", "API_KEY"], &["API_KEY"]),
        (
            &["smtp", "report"],
            &["REPORT_SMTP_PASSWORD", "REPORT_SMTP_USERNAME"],
        ),
        (
            &["smtp", "--env-name", "SMTP_PASSWORD"],
            &["SMTP_PASSWORD", "SMTP_USERNAME"],
        ),
        (
            &["smtp", "--env-username", "USER_NAME"],
            &["RUN_SMTP_PASSWORD", "USER_NAME"],
        ),
        // A number that what runs the tests does not leave open.
        (&["smtp", "--fd", "61"], &["RUN_SMTP_USERNAME"]),
        (&["--fd", "61"], &[]),
    ] {
        let before = "env -u POSTKEY | cut -d= -f1 | sort";
        let ended = run(&sandbox, flags, before).expect(0);
        let set = ended.stdout.lines();
        let set = set
            .filter(|name| !["HOME", "PATH", "PWD", "TZ", "_", "SHLVL", "OLDPWD"].contains(name));
        assert_eq!(set.collect::<Vec<_>>(), variables, "{flags:?}");
    }
}

#[test]
fn a_file_descriptor_gives_the_secret_once_and_nothing_else_is_inherited() {
    let sandbox = with_a_vault();
    let verify = r#"cat /proc/self/fd/62 | "$POSTKEY" verify; cat /proc/self/fd/62"#;
    let ended = run(&sandbox, &["--fd", "62"], verify).expect(0);
    assert_eq!(ended.stdout.lines().count(), 1, "{ended:?}");
    assert!(ended.stdout.starts_with("accepted"), "{ended:?}");

    // What this process passes on itself.
    let list = "ls /proc/$$/fd";
    let own = Command::new("sh").args(["-c", list]).output().unwrap();
    let own = Run::of(own).expect(0).stdout;
    assert_eq!(run(&sandbox, &[], list).expect(0).stdout, own);
    let more = run(&sandbox, &["--fd", "62"], list).expect(0).stdout;
    let more: Vec<&str> = more.lines().filter(|number| *number != "62").collect();
    assert_eq!(more, own.lines().collect::<Vec<_>>());
}

#[test]
fn a_file_descriptor_that_is_open_is_refused() {
    let sandbox = with_a_vault();
    let line = format!("exec 5</dev/null; exec {POSTKEY} run --fd 5 -- true");
    let ended = in_shell(&sandbox, &line).expect(2);
    assert!(ended.stderr.contains("already open"), "{ended:?}");
    for number in ["0", "2", "1024", "-1", "x"] {
        run(&sandbox, &[&format!("--fd={number}")], "true").expect(2);
    }
    assert_eq!(entries(&sandbox).len(), 0);
}

#[test]
fn the_program_has_the_callers_umask_and_streams_and_leaves_no_core_dump() {
    let sandbox = with_a_vault();
    let script = "umask; ulimit -c; cat; echo talk >&2";
    let line = format!("umask 027; printf input | {POSTKEY} run -- sh -c '{script}'");
    let ended = in_shell(&sandbox, &line).expect(0);
    assert_eq!(ended.stdout, "0027\n0\ninput");
    assert_eq!(ended.stderr, "talk\n");
}

#[test]
fn many_of_one_name_run_at_once() {
    let sandbox = with_a_vault();
    let started: Vec<_> = (0..8)
        .map(|_| {
            let verify = r#"printf %s "$JOB_API_KEY" | "$POSTKEY" verify"#;
            let mut command = command(&sandbox, &["api", "job"], verify);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in started {
        Run::of(child.wait_with_output().unwrap()).expect(0);
    }
    assert_eq!(keys(&sandbox), ["stays"]);
    assert_eq!(entries(&sandbox).len(), 16);
}

#[test]
fn exports_have_the_key_while_the_program_runs() {
    let sandbox = with_a_vault();
    let file = sandbox.home().join("users");
    sandbox.settings(&format!(
        "[[export]]\nformat = \"dovecot\"\nfile = \"{}\"\n",
        file.display()
    ));
    let script = r#"grep -c "^$RUN_SMTP_USERNAME|" users"#;
    let ended = run(&sandbox, &["smtp"], script).expect(0);
    assert_eq!(ended.stdout, "1\n");
    let left = fs::read_to_string(file).unwrap();
    assert!(!left.contains("|"), "{left}");
}

#[test]
fn flags_of_the_other_kind_are_refused_before_anything_is_created() {
    let sandbox = with_a_vault();
    for flags in [
        &["--username", "shop_prod"][..],
        &["--env-username", "NAME"],
        &["--sender", "example.com"],
        &["smtp", "--permission", "full"],
        &["smtp", "--env-name=X", "--env-username=X"],
        &["--permission", "unknown"],
        &["--fd", "3", "--env-name", "X"],
        &["--for", "never"],
        &["--for", "99999y"],
        &["api", &"x".repeat(56)],
    ] {
        let ended = run(&sandbox, flags, "echo started").expect(2);
        assert!(ended.stderr.contains("hint:"), "{flags:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{flags:?}");
    }
    assert_eq!(entries(&sandbox).len(), 0);
}

#[test]
fn a_program_that_cannot_be_run_gets_no_key() {
    let sandbox = with_a_vault();
    let file = |name: &str, text: &str, mode| {
        let path = sandbox.home().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    file("plain", "#!/bin/sh\n", 0o644);
    file("bare", "exit 6\n", 0o755);
    file("lost", "#!/nowhere/at/all\n", 0o755);
    fs::create_dir(sandbox.home().join("folder")).unwrap();
    for (program, status) in [
        ("no-such-program", 127),
        ("", 127),
        ("./missing", 127),
        ("./plain", 126),
        ("plain", 127),
        ("./folder", 126),
    ] {
        let ended = sandbox.run(["run", "--", program]).expect(status);
        assert!(ended.stderr.contains("hint:"), "{ended:?}");
        assert_eq!(entries(&sandbox).len(), 0, "{program}");
    }
    let mut command = sandbox.command(["run", "--", "plain"]);
    let ended = Run::of(command.env("PATH", sandbox.home()).output().unwrap());
    ended.expect(126);
    assert_eq!(entries(&sandbox).len(), 0);
    // That its interpreter is missing shows only when it is started.
    sandbox.run(["run", "--", "./lost"]).expect(127);
    // A script need not name an interpreter.
    sandbox.run(["run", "--", "./bare"]).expect(6);
    assert_eq!(keys(&sandbox), ["stays"]);
    assert_eq!(entries(&sandbox).len(), 4);
}
