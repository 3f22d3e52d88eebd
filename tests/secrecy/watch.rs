//! Runs the binary, and inspects what it does and leaves behind.

use std::ffi::OsString;
use std::fs;
use std::io::{PipeReader, Write, pipe};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::unistd::geteuid;
use rusqlite::Connection;

use crate::sandbox::{POSTKEY, Run, Sandbox};

/// An account that does not exist on test machines.
pub const NOBODY: u32 = 54321;

/// The binary's output for arguments that need not be text.
pub fn run(sandbox: &Sandbox, args: &[OsString]) -> Run {
    Run::of(sandbox.command(args.iter().cloned()).output().unwrap())
}

/// The binary's output for arguments and standard input.
pub fn run_with_input(sandbox: &Sandbox, args: &[&str], input: &str) -> Run {
    let mut child = piped(sandbox.command(args.iter().copied()));
    let mut stdin = child.stdin.take().unwrap();
    // The child may end without reading it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    Run::of(child.wait_with_output().unwrap())
}

/// All terminal output while the text is typed; the arguments are shell words.
///
/// A prompt may discard earlier input, so it is typed until the end.
pub fn on_terminal(sandbox: &Sandbox, args: &str, typed: &str) -> String {
    let mut command = sandbox.command(["-qec", &format!("\"$POSTKEY\" {args}"), "/dev/null"]);
    command.env("POSTKEY", POSTKEY).env("TERM", "xterm");
    let mut child = piped(program(&command, "script"));
    let mut stdin = child.stdin.take().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{args} never ended"
        );
        // It may have ended meanwhile.
        let _ = stdin.write_all(typed.as_bytes());
        sleep(Duration::from_millis(300));
    }
    Run::of(child.wait_with_output().unwrap()).stdout
}

/// The same arguments and environment for another program.
pub fn program(command: &Command, name: &str) -> Command {
    let mut other = Command::new(name);
    other.args(command.get_args()).env_clear();
    other.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    other.current_dir(command.get_current_dir().unwrap());
    other
}

fn piped(mut command: Command) -> Child {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

pub fn as_user(command: &mut Command, user: u32) -> &mut Command {
    if geteuid().is_root() {
        command.uid(user).gid(user);
    }
    command
}

/// Waits for a condition, and fails if it does not come true.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "there was never {what}"
        );
        sleep(Duration::from_millis(5));
    }
}

/// Starts a command whose secret nobody reads yet: it blocks during the delivery.
pub fn undelivered(sandbox: &Sandbox, args: &[&str]) -> (Child, PipeReader) {
    stuck(sandbox, args, 1)
}

/// The same with several secrets.
pub fn stuck(sandbox: &Sandbox, args: &[&str], secrets: i64) -> (Child, PipeReader) {
    let (reader, writer) = pipe().unwrap();
    let room = fcntl(&writer, FcntlArg::F_GETPIPE_SZ).unwrap();
    (&writer).write_all(&vec![b'\n'; room as usize]).unwrap();
    let mut command = sandbox.command(args.iter().copied());
    command.stdout(writer).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_for("a staged secret", || staged(&sandbox.vault()) == secrets);
    (child, reader)
}

/// How many secrets are being delivered.
fn staged(vault: &Path) -> i64 {
    let vault = Connection::open(vault).unwrap();
    vault.busy_timeout(Duration::from_secs(5)).unwrap();
    vault
        .query_row("SELECT count(*) FROM pending", [], |row| row.get(0))
        .unwrap()
}

/// Everything below a folder, including folders.
pub fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}
