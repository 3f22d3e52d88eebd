//! Clocks that go back or run ahead: what has ended stays so, and nothing else changes.

mod accepting;
mod ahead;
mod back;
mod served;
mod wrong;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;

use crate::sandbox::{Run, Sandbox};
use crate::serve::server::{Server, loopback};

/// Runs postkey with a clock that is ahead by this much: `+2h`, `-10s`.
pub fn at(sandbox: &Sandbox, offset: &str, args: &[&str]) -> Run {
    let mut command = sandbox.command(args.iter().copied());
    fake(&mut command, offset);
    Run::of(command.output().unwrap())
}

/// The verdict on a secret with such a clock.
pub fn verdict_at(sandbox: &Sandbox, offset: &str, secret: &str) -> String {
    let path = sandbox.home().join("presented");
    std::fs::write(&path, secret).unwrap();
    let mut command = sandbox.command(["verify", "--format", "json"]);
    fake(&mut command, offset);
    command.stdin(std::fs::File::open(path).unwrap());
    let run = Run::of(command.output().unwrap());
    run.json()["verdict"].as_str().unwrap().to_owned()
}

/// A clock that can be changed while it is used.
pub struct Clock(PathBuf);

impl Clock {
    /// Gives a command the right clock.
    pub fn of(sandbox: &Sandbox, command: &mut Command) -> Self {
        let clock = Self(sandbox.home().join("clock"));
        clock.set("+0");
        command.envs(preload());
        command.env("FAKETIME_TIMESTAMP_FILE", &clock.0);
        clock
    }

    /// Sets it this far ahead.
    pub fn set(&self, offset: &str) {
        // Atomically, since the file is read on each use of the clock.
        let new = self.0.with_extension("new");
        std::fs::write(&new, offset).unwrap();
        std::fs::rename(new, &self.0).unwrap();
    }
}

/// A `serve` with such a clock.
pub struct Served {
    pub server: Server,
    clock: Clock,
}

impl Served {
    pub fn start(sandbox: &Sandbox) -> Self {
        let address = format!("{}:17625", loopback());
        let mut command = sandbox.command(["serve", "--listen", &address]);
        let clock = Clock::of(sandbox, &mut command);
        let server = Server::of(sandbox, command, &address);
        Self { server, clock }
    }

    /// Sets its clock this far ahead.
    pub fn set(&self, offset: &str) {
        self.clock.set(offset);
    }

    /// Its HTTP status for a secret.
    pub fn status(&self, secret: &str) -> u16 {
        self.server.verify(secret).status
    }
}

/// A vault that cannot be written.
pub fn locked(sandbox: &Sandbox) -> Connection {
    let vault = Connection::open(sandbox.vault()).unwrap();
    vault.busy_timeout(Duration::from_secs(5)).unwrap();
    vault.execute_batch("BEGIN IMMEDIATE").unwrap();
    vault
}

/// Gives a command such a clock.
pub fn fake(command: &mut Command, offset: &str) {
    command.envs(preload());
    command.env("FAKETIME", offset);
}

/// The variable that loads libfaketime, which tests/run installs.
pub fn preload() -> [(&'static str, OsString); 3] {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let library = |folder: PathBuf| folder.join("faketime/libfaketime.so.1");
    let found = folders
        .map(|folder| library(folder.unwrap().path()))
        .find(|path| path.exists());
    let found = found.expect("libfaketime is installed (apt-get install libfaketime)");
    [
        ("LD_PRELOAD", found.into_os_string()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
    ]
}
