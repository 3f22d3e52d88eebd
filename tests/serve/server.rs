//! `postkey serve`, running.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::http::{self, Answer, Header};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;

/// A daemon that is stopped when the test ends.
pub struct Daemon(pub Child);

impl Daemon {
    /// Sends it a signal, by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let kill = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(kill.unwrap().success());
    }

    /// Its exit status, once it has exited by itself.
    pub fn ended(&mut self) -> i32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(start.elapsed() < Duration::from_secs(20), "it never ended");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A `serve` on a sandbox's vault.
pub struct Server {
    pub address: String,
    pub daemon: Daemon,
    log: PathBuf,
}

impl Server {
    /// Starts one on an unused address.
    pub fn start(sandbox: &Sandbox) -> Self {
        Self::start_at(sandbox, &format!("{}:17625", loopback()))
    }

    /// Starts one on this address.
    pub fn start_at(sandbox: &Sandbox, address: &str) -> Self {
        let command = sandbox.command(["serve", "--listen", address]);
        Self::of(sandbox, command, address)
    }

    /// Starts one with a custom command, and waits until it listens.
    pub fn of(sandbox: &Sandbox, command: Command, address: &str) -> Self {
        let started = Self::try_of(sandbox, command, address);
        started.unwrap_or_else(|(status, log)| panic!("it ended with {status}: {log}"))
    }

    /// Starts one with a custom command, and waits until it listens; or returns how it ended.
    pub fn try_of(
        sandbox: &Sandbox,
        mut command: Command,
        address: &str,
    ) -> Result<Self, (i32, String)> {
        let log = sandbox.home().join("serve.log");
        let file = File::create(&log).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let mut server = Self {
            address: address.to_owned(),
            daemon: Daemon(command.spawn().unwrap()),
            log,
        };
        let mut ended = None;
        wait_for("a server that listens", || {
            ended = server.daemon.0.try_wait().unwrap();
            ended.is_some() || server.log().contains("listening on")
        });
        match ended {
            None => Ok(server),
            Some(status) => Err((status.code().unwrap_or(-1), server.log())),
        }
    }

    /// Its whole output.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    #[track_caller]
    pub fn ask(&self, method: &str, target: &str, headers: &[Header]) -> Answer {
        let answer = http::ask(&self.address, method, target, headers);
        // A cached response would be given to requests without a key.
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer
    }

    /// The response to an application about a key, whatever it needs it for.
    #[track_caller]
    pub fn verify(&self, secret: &str) -> Answer {
        self.ask("GET", "/verify", &[("api-key", secret)])
    }

    /// One of its metrics, 0 if it was never counted.
    pub fn metric(&self, name: &str) -> i64 {
        let text = self.ask("GET", "/metrics", &[]).expect(200).body;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().unwrap())
    }

    /// Stops it, and expects exit status 0.
    pub fn stop(mut self) -> String {
        self.daemon.signal("TERM");
        let status = self.daemon.ended();
        assert_eq!(status, 0, "{}", self.log());
        self.log()
    }
}

/// An unused loopback address, across tests and runs.
pub fn loopback() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = Ipv4Addr::new(127, 64, 0, 0).to_bits();
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % (1 << 9);
    let pid = std::process::id() % (1 << 14);
    Ipv4Addr::from_bits(FIRST + (pid << 9) + number)
}
