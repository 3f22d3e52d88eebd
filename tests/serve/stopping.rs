//! Shutdown: requests in progress are answered, and counted use is recorded.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::http::Connection;
use super::recording::{ACCEPTED, recorded};
use super::server::{Server, loopback};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;

#[test]
fn a_request_in_progress_is_answered_before_shutdown() {
    for signal in ["TERM", "INT", "HUP"] {
        let sandbox = Sandbox::new();
        let secret = sandbox.generate(["api", "ci"]);
        let mut server = Server::start(&sandbox);
        let mut idle = Connection::open(&server.address);
        idle.ask("GET", "/healthz", &[]).expect(200);
        let mut begun = Connection::open(&server.address);
        begun.send(b"GET /verify HTTP/1.1\r\nHost: a\r\n").unwrap();
        sleep(Duration::from_millis(200));
        server.daemon.signal(signal);
        sleep(Duration::from_millis(200));
        let rest = format!("api-key: {secret}\r\n\r\n");
        begun.send(rest.as_bytes()).unwrap();
        begun.answer().unwrap().expect(200);
        let start = Instant::now();
        assert_eq!(server.daemon.ended(), 0);
        assert!(start.elapsed() < Duration::from_millis(4500));
        assert!(idle.is_at_end());
        let log = server.log();
        assert!(log.trim_end().ends_with("stopping"), "{log}");
        // The last use is recorded, too.
        assert_eq!(recorded(&sandbox, ACCEPTED), Some(1));
    }
}

#[test]
fn it_outlives_its_terminal_under_nohup() {
    let sandbox = Sandbox::with_three_keys();
    let address = format!("{}:17625", loopback());
    let served = sandbox.command(["serve", "--listen", &address]);
    let mut command = Command::new("nohup");
    command.arg(served.get_program()).args(served.get_args());
    command.env_clear().stdin(Stdio::null());
    command.envs(
        served
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let server = Server::of(&sandbox, command, &address);
    server.daemon.signal("HUP");
    sleep(Duration::from_millis(300));
    server.ask("GET", "/healthz", &[]).expect(200);
    server.stop();
}

#[test]
fn an_endless_client_does_not_prevent_shutdown() {
    let sandbox = Sandbox::with_three_keys();
    let mut server = Server::start(&sandbox);
    let mut begun = Connection::open(&server.address);
    begun.send(b"GET /verify HTTP/1.1\r\nHost: a\r\n").unwrap();
    sleep(Duration::from_millis(200));
    let start = Instant::now();
    server.daemon.signal("TERM");
    assert_eq!(server.daemon.ended(), 0);
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn pending_use_is_recorded_at_shutdown() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let mut server = Server::start(&sandbox);
    server.verify(&secret).expect(200);
    wait_for("a record", || recorded(&sandbox, ACCEPTED) == Some(1));
    let other = rusqlite::Connection::open(sandbox.usage()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    server.verify(&secret).expect(200);
    // By now it waits for the other.
    sleep(Duration::from_millis(1500));
    server.daemon.signal("TERM");
    sleep(Duration::from_millis(200));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(server.daemon.ended(), 0);
    assert_eq!(recorded(&sandbox, ACCEPTED), Some(2));
}
