//! A gateway, `serve` behind it, and a backend.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::backend::{Backend, Received};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::{paths, program, wait_for};
use crate::serve::http::{self, Answer, Header};
use crate::serve::server::{Daemon, Server, loopback};

/// Which gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
}

/// All of it, running. Fields are dropped in this order.
pub struct Setup {
    _gateway: Daemon,
    pub server: Server,
    pub backend: Backend,
    pub sandbox: Sandbox,
    /// Where clients knock.
    pub address: String,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Nginx, Self::Caddy];

    pub fn word(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
        }
    }

    /// Puts the configuration that was printed to its place, changing nothing but the port
    /// and what two gateways on one machine have in common; gives back what starts it.
    fn configure(self, printed: &str, address: &str, sandbox: &Sandbox) -> Command {
        let text = printed.replace("127.0.0.1:8080", address);
        match self {
            Self::Nginx => {
                write(sandbox, "postkey.conf", &text);
                write(sandbox, "nginx.conf", AROUND);
                let prefix = format!("{}/", gateway(sandbox).display());
                let foreground = "daemon off; master_process off;";
                let arguments = [
                    "-p",
                    &prefix,
                    "-c",
                    "nginx.conf",
                    "-e",
                    "error.log",
                    "-g",
                    foreground,
                ];
                program(&sandbox.command(arguments), "/usr/sbin/nginx")
            }
            Self::Caddy => {
                let (host, port) = address.split_once(':').unwrap();
                let text = text
                    .replace(
                        "\n:8080 {\n\tbind 127.0.0.1\n",
                        &format!("\n:{port} {{\n\tbind {host}\n"),
                    )
                    .replacen("\n{\n", "\n{\n\tadmin off\n", 1);
                let path = write(sandbox, "Caddyfile", &text);
                let arguments = ["run", "--adapter", "caddyfile", "--config"].map(String::from);
                let path = path.to_str().unwrap().to_owned();
                program(
                    &sandbox.command(arguments.into_iter().chain([path])),
                    "caddy",
                )
            }
        }
    }
}

/// What an nginx of its own needs around the configuration.
const AROUND: &str = "\
pid nginx.pid;
events {}
http {
  access_log access.log combined;
  client_body_temp_path temp;
  proxy_temp_path temp;
  fastcgi_temp_path temp;
  uwsgi_temp_path temp;
  scgi_temp_path temp;
  include postkey.conf;
}
";

/// The gateway's own folder.
fn gateway(sandbox: &Sandbox) -> PathBuf {
    sandbox.home().join("gateway")
}

fn write(sandbox: &Sandbox, name: &str, text: &str) -> PathBuf {
    let folder = gateway(sandbox);
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

impl Setup {
    /// A gateway on a TCP address of its own.
    pub fn start(kind: Kind) -> Self {
        Self::start_with(kind, Sandbox::new(), &format!("{}:17625", loopback()))
    }

    /// A gateway for a sandbox whose `serve` listens at an address.
    pub fn start_with(kind: Kind, sandbox: Sandbox, listen: &str) -> Self {
        let host = loopback();
        let (address, guarded) = (format!("{host}:18080"), format!("{host}:18081"));
        sandbox.settings(&format!("[serve]\nlisten = \"{listen}\"\n"));
        sandbox.generate(["api", "first"]);
        let connect = sandbox.run(["connect", kind.word(), "--backend", &guarded]);
        let mut command = kind.configure(&connect.expect(0).stdout, &address, &sandbox);
        let log = File::create(gateway(&sandbox).join("stderr.log")).unwrap();
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
        setup
    }

    #[track_caller]
    pub fn ask(&self, (method, target): (&str, &str), headers: &[Header]) -> Answer {
        http::ask(&self.address, method, target, headers)
    }

    /// The answer to a key, which must not have let anything through.
    #[track_caller]
    pub fn refused(&self, secret: &str, status: u16) -> Answer {
        let answer = self.ask(super::GET, &[("api-key", secret)]);
        self.expect_nothing_got_through();
        answer.expect_refusal(status)
    }

    /// The answer to a key, and what the backend received.
    #[track_caller]
    pub fn accepted(&self, secret: &str) -> (Answer, Received) {
        let answer = self.ask(super::GET, &[("api-key", secret)]).expect(200);
        assert_eq!(answer.body, "backend\n");
        (answer, self.only())
    }

    /// The one request that got through.
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

    /// Everything that the gateway and `serve` have written down.
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
