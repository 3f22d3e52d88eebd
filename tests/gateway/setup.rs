//! A gateway, `serve` behind it, and a backend.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::backend::{Backend, Received};
use super::kind::{Kind, folder};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::{paths, wait_for};
use crate::serve::http::{self, Answer, Header};
use crate::serve::server::{Daemon, Server, loopback};

/// The running set-up. Fields are dropped in this order.
pub struct Setup {
    _gateway: Daemon,
    pub server: Server,
    pub backend: Backend,
    pub sandbox: Sandbox,
    /// The address for clients.
    pub address: String,
}

impl Setup {
    /// A gateway on its own TCP address.
    pub fn start(kind: Kind) -> Self {
        Self::start_with(kind, Sandbox::new(), &format!("{}:17625", loopback()))
    }

    /// The same with the printed configuration unchanged.
    pub fn start_as_printed(kind: Kind) -> Self {
        let listen = format!("{}:17625", loopback());
        Self::start_whole(kind, Sandbox::new(), &listen, "", |printed| printed)
    }

    /// A gateway for a sandbox whose `serve` listens on an address.
    pub fn start_with(kind: Kind, sandbox: Sandbox, listen: &str) -> Self {
        Self::start_altered(kind, sandbox, listen, |printed| printed)
    }

    /// A gateway with further settings of `serve`, under `[serve]`.
    pub fn start_set(kind: Kind, settings: &str) -> Self {
        let sandbox = Sandbox::new();
        let listen = format!("{}:17625", loopback());
        Self::start_whole(kind, sandbox, &listen, settings, |printed| {
            kind.patient(&printed)
        })
    }

    /// The same with an administrator's changes of the printed configuration.
    pub fn start_altered(
        kind: Kind,
        sandbox: Sandbox,
        listen: &str,
        alter: impl Fn(String) -> String,
    ) -> Self {
        Self::start_whole(kind, sandbox, listen, "", |printed| {
            alter(kind.patient(&printed))
        })
    }

    fn start_whole(
        kind: Kind,
        sandbox: Sandbox,
        listen: &str,
        settings: &str,
        alter: impl Fn(String) -> String,
    ) -> Self {
        let host = loopback();
        let (address, guarded) = (format!("{host}:18080"), format!("{host}:18081"));
        sandbox.settings(&format!("[serve]\nlisten = \"{listen}\"\n{settings}"));
        sandbox.generate(["api", "first"]);
        let connect = sandbox.run(["connect", kind.word(), "--backend", &guarded]);
        let mut command = kind.configure(&alter(connect.expect(0).stdout), &address, &sandbox);
        let log = File::create(folder(&sandbox).join("stderr.log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let setup = Self {
            _gateway: Daemon(command.spawn().unwrap()),
            server: Server::of(&sandbox, sandbox.command(["serve"]), listen),
            backend: Backend::start(&guarded),
            sandbox,
            address,
        };
        wait_for("a gateway that listens", || {
            std::net::TcpStream::connect(&setup.address).is_ok()
        });
        // Traefik reads its routes a moment later.
        wait_for("a gateway that checks keys", || {
            [401, 403].contains(&setup.ask(super::GET, &[]).status)
        });
        setup
    }

    /// Switches to another `serve`.
    pub fn replace_server(&mut self, serve: Command) {
        // It may have ended already.
        let _ = self.server.daemon.0.kill();
        self.server.daemon.ended();
        let address = self.server.address.clone();
        self.server = Server::of(&self.sandbox, serve, &address);
    }

    #[track_caller]
    pub fn ask(&self, (method, target): (&str, &str), headers: &[Header]) -> Answer {
        http::ask(&self.address, method, target, headers)
    }

    /// The response to a key, with which nothing may reach the backend.
    #[track_caller]
    pub fn refused(&self, secret: &str, status: u16) -> Answer {
        let answer = self.ask(super::GET, &[("api-key", secret)]);
        self.expect_nothing_got_through();
        answer.expect_refusal(status)
    }

    /// The response to a key, and what the backend received.
    #[track_caller]
    pub fn accepted(&self, secret: &str) -> (Answer, Received) {
        let answer = self.ask(super::GET, &[("api-key", secret)]).expect(200);
        assert_eq!(answer.body, "backend\n");
        (answer, self.only())
    }

    /// The only request that reached the backend.
    #[track_caller]
    pub fn only(&self) -> Received {
        let mut received = self.backend.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received.remove(0)
    }

    #[track_caller]
    pub fn expect_nothing_got_through(&self) {
        let received = self.backend.received();
        assert!(received.is_empty(), "{received:?}");
    }

    /// Everything that the gateway and `serve` have written to disk.
    pub fn written(&self) -> String {
        let is_log = |path: &&PathBuf| path.extension().is_some_and(|end| end == "log");
        let files = paths(self.sandbox.home());
        let logs = files.iter().filter(is_log);
        logs.map(|path| read(path)).collect()
    }
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
