//! systemd: socket activation and notification.

use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Command;
use std::time::Duration;

use super::server::{Server, loopback};
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

/// `serve` as systemd starts it: the socket is descriptor 3. It is configured with an address that
/// fails, so that nothing else works.
fn activated(sandbox: &Sandbox, passed: impl AsFd) -> Command {
    let passed = passed.as_fd().try_clone_to_owned().unwrap();
    // Standard input can be passed most easily.
    let script = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1
                  exec \"$0\" serve --listen unix:/no/where";
    let mut command = program(&sandbox.command(["-c", script, POSTKEY]), "bash");
    command.stdin(passed);
    command
}

#[test]
fn a_socket_that_systemd_passes_is_used_and_left_to_systemd() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let tcp = TcpListener::bind((loopback(), 0)).unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    let server = Server::of(&sandbox, activated(&sandbox, &tcp), &address);
    assert!(server.log().contains(&address));
    server.verify(&secret).expect(200);
    let path = sandbox.home().join("passed.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let address = format!("unix:{}", path.display());
    let server = Server::of(&sandbox, activated(&sandbox, &unix), &address);
    server.verify(&secret).expect(200);
    server.stop();
    assert!(path.exists());
}

#[test]
fn a_socket_that_other_machines_reach_is_refused() {
    let sandbox = Sandbox::with_three_keys();
    let open = TcpListener::bind("0.0.0.0:0").unwrap();
    let run = Run::of(activated(&sandbox, &open).output().unwrap()).expect(5);
    assert!(run.stderr.contains("other machines"), "{run:?}");
    let datagrams = UnixDatagram::unbound().unwrap();
    let run = Run::of(activated(&sandbox, &datagrams).output().unwrap()).expect(5);
    assert!(
        run.stderr.contains("not a listening stream socket"),
        "{run:?}"
    );
}

#[test]
fn systemd_is_notified_of_readiness_and_shutdown() {
    let sandbox = Sandbox::with_three_keys();
    let path = sandbox.home().join("notify.sock");
    let told = UnixDatagram::bind(&path).unwrap();
    told.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let next = || {
        let mut buffer = [0; 1024];
        let length = told.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let address = format!("{}:17625", loopback());
    let mut command = sandbox.command(["serve", "--listen", &address]);
    command.env("NOTIFY_SOCKET", &path);
    let mut server = Server::of(&sandbox, command, &address);
    assert!(next().contains("READY=1"));
    server.ask("GET", "/healthz", &[]).expect(200);
    server.daemon.signal("TERM");
    assert!(next().contains("STOPPING=1"));
    assert_eq!(server.daemon.ended(), 0);
}
