//! With few threads or descriptors, it either exits before it listens, with a reason, or serves; it
//! never crashes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::available_parallelism;

use super::http::Connection;
use super::recording::{ACCEPTED, recorded};
use super::server::{Server, loopback};
use crate::mail::only_as_root;
use crate::sandbox::{POSTKEY, Sandbox, copy_binary};
use crate::secrecy::watch::wait_for;

/// More threads than it starts.
fn enough_threads() -> usize {
    16 + 3 * available_parallelism().unwrap().get()
}

/// `serve` run by another program with these arguments first.
fn by(sandbox: &Sandbox, program: &[&str], postkey: &Path, address: &str) -> Command {
    let serve = sandbox.command(["serve", "--listen", address]);
    let mut command = Command::new(program[0]);
    command
        .args(&program[1..])
        .arg(postkey)
        .args(serve.get_args());
    command
        .env_clear()
        .envs(
            serve
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(sandbox.home());
    command
}

/// Checks that it exited for lack of a resource, with the hint how to get it.
#[track_caller]
fn expect_reason((status, log): (i32, String), reason: &str) {
    assert_eq!(status, 5, "{log}");
    assert!(log.starts_with(&format!("error: {reason}")), "{log}");
    assert!(log.contains("\nhint: "), "{log}");
    assert_eq!(log.lines().count(), 2, "{log}");
}

/// Checks that it answers, and continues after recording that.
fn expect_answers(sandbox: &Sandbox, server: Server, secret: &str) {
    server.verify(secret).expect(200);
    server.ask("GET", "/healthz", &[]).expect(200);
    wait_for("a record", || recorded(sandbox, ACCEPTED) == Some(1));
    server.verify(secret).expect(200);
    server.verify(&secret[1..]).expect(401);
    server.stop();
}

/// The binary where another user can run it.
fn for_others(sandbox: &Sandbox, uid: u32) -> PathBuf {
    let postkey = sandbox.home().join("postkey");
    copy_binary(&postkey);
    fs::set_permissions(&postkey, fs::Permissions::from_mode(0o755)).unwrap();
    let vault = sandbox.vault();
    let folders = vault
        .ancestors()
        .take_while(|path| path.starts_with(sandbox.home()));
    for path in folders.collect::<Vec<_>>() {
        chown(path, Some(uid), Some(uid)).unwrap();
    }
    postkey
}

#[test]
fn under_any_limit_on_processes_it_serves_or_reports_why_not() {
    only_as_root!();
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    // The limit covers all processes of a user, and does not apply to root.
    let uid = 1_000_000 + std::process::id();
    let postkey = for_others(&sandbox, uid);
    let address = format!("{}:17625", loopback());
    let id = uid.to_string();
    let started = (1..=enough_threads()).find_map(|count| {
        let limit = format!("--nproc={count}:{count}");
        let user = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"];
        let program = [&user[..], &["prlimit", &limit]].concat();
        let command = by(&sandbox, &program, &postkey, &address);
        match Server::try_of(&sandbox, command, &address) {
            Ok(server) => Some(server),
            Err(ended) => {
                expect_reason(ended, "cannot start a thread: ");
                None
            }
        }
    });
    expect_answers(&sandbox, started.expect("enough of them"), &secret);
}

#[test]
fn a_missing_thread_is_reported() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let address = format!("{}:17625", loopback());
    let started = (1..=enough_threads()).find_map(|at| {
        let fault = format!("inject=clone3,clone:error=EAGAIN:when={at}");
        let program = [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=clone3,clone",
            "-e",
        ];
        let program = [&program[..], &[&fault]].concat();
        let command = by(&sandbox, &program, Path::new(POSTKEY), &address);
        match Server::try_of(&sandbox, command, &address) {
            Ok(server) => Some(server),
            Err(ended) => {
                expect_reason(ended, "cannot start a thread: ");
                None
            }
        }
    });
    let mut server = started.expect("no more than so many");
    server.verify(&secret).expect(200);
    server.ask("GET", "/healthz", &[]).expect(200);
    // strace was started, and exits with the traced process.
    let children = format!("/proc/{0}/task/{0}/children", server.daemon.0.id());
    let pid = fs::read_to_string(children).unwrap();
    let kill = Command::new("kill").arg(pid.trim()).status().unwrap();
    assert!(kill.success());
    assert_eq!(server.daemon.ended(), 0, "{}", server.log());
}

#[test]
fn under_any_limit_on_open_files_it_serves_or_reports_why_not() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let address = format!("{}:17625", loopback());
    let start = |limit: usize| {
        let limit = format!("--nofile={limit}:{limit}");
        let program = ["prlimit", &limit];
        let command = by(&sandbox, &program, Path::new(POSTKEY), &address);
        Server::try_of(&sandbox, command, &address)
    };
    let limits = (8..24).chain((24..).step_by(8));
    let least = limits.take(60).find(|&limit| match start(limit) {
        Ok(_) => true,
        // It may not even have been able to read the settings, or the vault.
        Err((status, log)) if limit < 16 => {
            assert_eq!(status, 5, "{log}");
            assert!(log.starts_with("error: "), "{log}");
            false
        }
        Err(ended) => {
            expect_reason(ended, "cannot serve with at most");
            false
        }
    });
    let server = start(least.expect("enough of them")).expect("it does again");
    // More connections than descriptors do not keep it from reading what it needs.
    let mut first = Connection::open(&server.address);
    first.ask("GET", "/healthz", &[]).expect(200);
    let idle: Vec<Connection> = (0..60).map(|_| Connection::open(&server.address)).collect();
    let other = Sandbox::new();
    let others = other.generate(["api", "ci"]);
    fs::rename(other.vault(), sandbox.vault()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(5));
    for (secret, status) in [(&others, 200), (&secret, 401)] {
        first
            .ask("GET", "/verify", &[("api-key", secret)])
            .expect(status);
    }
    drop(idle);
    server.verify(&others).expect(200);
    server.stop();
}

#[test]
fn the_limit_on_open_files_is_raised() {
    let sandbox = Sandbox::with_three_keys();
    let address = format!("{}:17625", loopback());
    let program = ["prlimit", "--nofile=32:1024"];
    let command = by(&sandbox, &program, Path::new(POSTKEY), &address);
    let server = Server::of(&sandbox, command, &address);
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.daemon.0.id())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = files.unwrap().split_whitespace().nth(3).unwrap();
    assert_eq!(soft, "1024");
}

#[test]
fn a_replaced_vault_is_closed() {
    only_as_root!();
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let pid = server.daemon.0.id();
    let held = || {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let files = files.filter_map(|file| fs::read_link(file.unwrap().path()).ok());
        let deleted = files.filter(|file| file.to_string_lossy().ends_with(" (deleted)"));
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        (deleted.count(), maps.matches("vault.db (deleted)").count())
    };
    let mut connection = Connection::open(&server.address);
    let next = sandbox.home().join("next.db");
    for _ in 0..400 {
        fs::copy(sandbox.vault(), &next).unwrap();
        fs::rename(&next, sandbox.vault()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        connection
            .ask("GET", "/verify", &[("api-key", &secret)])
            .expect(200);
    }
    // Its readers may be about to release the last one.
    wait_for("files that are let go", || {
        let (files, pages) = held();
        files <= 2 && pages <= 1
    });
}
