//! What others can see of a process that is delivering a secret.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Child, Command, Stdio};

use nix::unistd::geteuid;

use super::watch::{NOBODY, as_user, undelivered, wait_for};
use super::{files, leaks};
use crate::sandbox::{Run, Sandbox, copy_binary};

#[test]
fn a_secret_in_a_full_pipe_blocks_nobody() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    let (mut child, mut reader) = undelivered(&sandbox, &["generate", "api", "ci"]);
    let seen = [told_by_kernel(&child), files(sandbox.home())].concat();
    sandbox
        .run(["deactivate", "first", "--wait", "1s"])
        .expect(0);
    let mut all = String::new();
    reader.read_to_string(&mut all).unwrap();
    assert!(child.wait().unwrap().success());
    let secret = all.trim().to_owned();
    assert_eq!(sandbox.verify(&secret).1, 0);
    assert!(!leaks(&seen, &secret));
}

#[test]
fn a_presented_secret_is_not_in_the_arguments_or_the_environment() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let mut child = waiting(&mut sandbox.command(["verify"]));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(secret.as_bytes()).unwrap();
    assert!(!leaks(&told_by_kernel(&child), &secret));
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_waiting_process_dumps_no_core_and_protects_its_memory() {
    let sandbox = Sandbox::new();
    // Root may read everything, so the process runs as another user.
    let copy = sandbox.home().join("postkey");
    copy_binary(&copy);
    fs::set_permissions(sandbox.home(), fs::Permissions::from_mode(0o755)).unwrap();
    let owner = if geteuid().is_root() {
        NOBODY
    } else {
        geteuid().as_raw()
    };
    let mut command = Command::new(copy);
    command
        .arg("verify")
        .env_clear()
        .env("HOME", "/nonexistent");
    let mut child = waiting(as_user(&mut command, owner));
    let folder = format!("/proc/{}", child.id());
    wait_for("a limit of 0", || core_limit(&folder) == "0 0");
    let owners = fs::metadata(format!("{folder}/environ")).unwrap();
    assert_eq!(owners.uid(), 0, "the process can be dumped");
    for file in ["mem", "environ"] {
        let mut reader = Command::new("head");
        reader.args(["-c1", &format!("{folder}/{file}")]);
        let run = Run::of(as_user(&mut reader, owner).output().unwrap());
        assert!(run.stderr.contains("Permission denied"), "{file}: {run:?}");
    }
    drop(child.stdin.take());
    // There is no vault.
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

/// What the kernel shows to others about a process.
fn told_by_kernel(child: &Child) -> Vec<u8> {
    let read = |file| fs::read(format!("/proc/{}/{file}", child.id())).unwrap_or_default();
    [read("cmdline"), read("environ")].concat()
}

fn core_limit(folder: &str) -> String {
    let limits = fs::read_to_string(format!("{folder}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    line.split_whitespace()
        .skip(4)
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

fn waiting(command: &mut Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
