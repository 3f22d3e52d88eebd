//! A CI job whose log would contain the secret, as far as that can be known.

use std::fs::{self, File};
use std::io::{Read, pipe};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::keys;
use crate::sandbox::{POSTKEY, Sandbox};
use crate::secrecy::watch::program;

/// Runs a job's shell: returns its output and exit status.
type Runner = fn(&Sandbox, &str, &str) -> (String, i32);

/// The script as run by a CI system whose log is one pipe, like GitLab's shell executor.
fn in_one_pipe(sandbox: &Sandbox, script: &str, marks: &str) -> (String, i32) {
    let (mut reader, writer) = pipe().unwrap();
    let mut command = shell(sandbox, script, marks);
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut log = String::new();
    reader.read_to_string(&mut log).unwrap();
    (log, child.wait().unwrap().code().unwrap())
}

/// The same with a file as the log, like Jenkins.
fn in_one_file(sandbox: &Sandbox, script: &str, marks: &str) -> (String, i32) {
    let log = File::create(sandbox.home().join("log")).unwrap();
    let mut command = shell(sandbox, script, marks);
    command.stdout(log.try_clone().unwrap()).stderr(log);
    let status = command.status().unwrap().code().unwrap();
    (
        fs::read_to_string(sandbox.home().join("log")).unwrap(),
        status,
    )
}

/// The same below a process named like GitHub's runner, with a pipe for each stream.
fn by_github(sandbox: &Sandbox, script: &str, marks: &str) -> (String, i32) {
    let runner = sandbox.home().join("Runner.Worker");
    fs::write(&runner, "#!/bin/sh\nbash -e step.sh\nexit $?\n").unwrap();
    fs::set_permissions(&runner, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(sandbox.home().join("step.sh"), script).unwrap();
    let mut command = shell(sandbox, "exec ./Runner.Worker", marks);
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let log =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (log, output.status.code().unwrap())
}

fn shell(sandbox: &Sandbox, script: &str, marks: &str) -> Command {
    let bin = sandbox.home().join("bin");
    fs::create_dir_all(&bin).unwrap();
    let _ = std::os::unix::fs::symlink(POSTKEY, bin.join("postkey"));
    let mut command = program(&sandbox.command(["-ec", script]), "bash");
    let path = std::env::var("PATH").unwrap();
    command
        .env("PATH", format!("{}:{path}", bin.display()))
        .stdin(Stdio::null());
    for mark in marks.split_whitespace() {
        let (name, value) = mark.split_once('=').unwrap();
        command.env(name, value);
    }
    command
}

const RUNNERS: [(&str, Runner); 3] = [
    ("one pipe", in_one_pipe),
    ("one file", in_one_file),
    ("GitHub", by_github),
];

const MARKS: &str = "CI=true GITHUB_ACTIONS=true";

#[test]
fn no_secret_is_created_for_a_jobs_log() {
    for (name, run) in RUNNERS {
        let sandbox = Sandbox::new();
        for script in [
            "postkey generate api ci; true",
            "if postkey generate api ci; then exit 0; else exit $?; fi",
            "bash -c 'postkey generate api ci; exit $?'",
            "timeout 9 postkey generate api ci; true",
        ] {
            let (log, status) = run(&sandbox, script, MARKS);
            assert_eq!(status, 6, "{name}: {script}: {log}");
            assert!(
                log.contains("is the log of this CI job"),
                "{name}: {script}: {log}"
            );
            assert!(
                log.contains("--github env") && log.contains("--print-secret"),
                "{log}"
            );
            assert!(!log.contains("xkeypost-"), "{log}");
            assert!(!sandbox.vault().exists(), "{name}: {script}");
        }
        let (log, status) = run(&sandbox, "postkey generate api ci; true", "CI=1");
        assert_eq!(status, 6, "{log}");
        assert!(log.contains("--save FILE"), "{log}");
    }
}

#[test]
fn an_existing_keys_secret_is_not_reused() {
    let (sandbox, _) = Sandbox::with_default_key();
    sandbox.generate(["api", "ci"]);
    let before = fs::read(sandbox.vault()).unwrap();
    for command in [
        "regenerate --yes ci",
        "rotate ci",
        "reveal --passphrase-file pass",
    ] {
        let (log, status) = in_one_pipe(&sandbox, &format!("postkey {command}; true"), MARKS);
        assert_eq!(status, 6, "{command}: {log}");
        assert_eq!(fs::read(sandbox.vault()).unwrap(), before, "{command}");
    }
    let (log, status) = in_one_pipe(&sandbox, "postkey revoke --replace ci; true", MARKS);
    assert_eq!(status, 6, "{log}");
    assert_eq!(
        sandbox.show("ci")["status"],
        "inactive",
        "stopped all the same"
    );
}

#[test]
fn a_secret_that_a_job_captures_is_created() {
    for (name, run) in RUNNERS {
        let sandbox = Sandbox::new();
        let take = "test ${#KEY} = 90";
        for (number, script) in [
            "KEY=$(postkey generate api KEY)".to_owned() + "\n" + take,
            "KEY=$(postkey -q generate api KEY 2>&1)".to_owned() + "\n" + take,
            "make() { postkey generate api KEY; }; KEY=$(make)".to_owned() + "\n" + take,
            "postkey generate api KEY >taken; test -s taken".to_owned(),
            "postkey generate api KEY >taken 2>&1; test -s taken".to_owned(),
            "postkey generate api KEY 2>talk | cat".to_owned(),
            "postkey generate api KEY --save KEY; test -s KEY".to_owned(),
        ]
        .iter()
        .enumerate()
        {
            let script = script.replace("api KEY", &format!("api key-{number}"));
            let (log, status) = run(&sandbox, &script, MARKS);
            assert_eq!(status, 0, "{name}: {script}: {log}");
        }
        assert_eq!(keys(&sandbox).len(), 7);
    }
}

#[test]
fn outside_of_a_job_no_output_is_a_log() {
    let sandbox = Sandbox::new();
    for (number, marks) in ["X=1", "CI=", "CI=false", "CI=0"].iter().enumerate() {
        for (_, run) in [RUNNERS[0], RUNNERS[1]] {
            let script = format!("postkey generate api k-{number}-$$; true");
            let (log, status) = run(&sandbox, &script, marks);
            assert_eq!(status, 0, "{marks}: {log}");
        }
    }
}
