//! Which gateways there are, how each is started, and where they differ.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sandbox::Sandbox;
use crate::secrecy::watch::program;

/// Which gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    /// Debian's.
    Caddy,
    /// The current release.
    NewCaddy,
    Traefik,
    Haproxy,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Nginx,
        Self::Caddy,
        Self::NewCaddy,
        Self::Traefik,
        Self::Haproxy,
    ];

    /// What `connect` calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy | Self::NewCaddy => "caddy",
            Self::Traefik => "traefik",
            Self::Haproxy => "haproxy",
        }
    }

    /// Whether clients of a valid key are told what is left of its limit.
    pub fn tells_what_is_left(self) -> bool {
        self != Self::Traefik
    }

    /// Whether it asks `serve` at a unix socket.
    pub fn has_unix_sockets(self) -> bool {
        self != Self::Traefik
    }

    /// Whether the backend gets an `Authorization` that is not a bearer's.
    pub fn passes_other_credentials(self) -> bool {
        self != Self::Traefik
    }

    /// What a client gets while nobody checks keys.
    pub fn status_without_a_checker(self) -> u16 {
        match self {
            Self::Nginx | Self::Haproxy => 503,
            Self::Caddy | Self::NewCaddy => 502,
            Self::Traefik => 500,
        }
    }

    /// Puts the configuration that was printed in place, changing nothing but the port and
    /// what two gateways on one machine have in common; returns what starts it.
    pub fn configure(self, printed: &str, address: &str, sandbox: &Sandbox) -> Command {
        match self {
            Self::Nginx => nginx(printed, address, sandbox),
            Self::Caddy => caddy("caddy", printed, address, sandbox),
            Self::NewCaddy => caddy(&tool("caddy"), printed, address, sandbox),
            Self::Haproxy => haproxy(printed, address, sandbox),
            Self::Traefik => traefik(printed, address, sandbox),
        }
    }
}

/// What an nginx of its own needs around the configuration.
const AROUND: &str = "\
pid nginx.pid;
events {}
http {
  client_body_temp_path temp;
  proxy_temp_path temp;
  fastcgi_temp_path temp;
  uwsgi_temp_path temp;
  scgi_temp_path temp;
  include postkey.conf;
}
";

fn nginx(printed: &str, address: &str, sandbox: &Sandbox) -> Command {
    let text = printed
        .replace("127.0.0.1:8080", address)
        .replace("/var/log/nginx/postkey.log", "access.log");
    write(sandbox, "postkey.conf", &text);
    write(sandbox, "nginx.conf", AROUND);
    let prefix = format!("{}/", folder(sandbox).display());
    let files = ["-p", &prefix, "-c", "nginx.conf", "-e", "error.log"];
    let foreground = ["-g", "daemon off; master_process off;"];
    let command = sandbox.command(files.into_iter().chain(foreground));
    program(&command, "/usr/sbin/nginx")
}

fn caddy(binary: &str, printed: &str, address: &str, sandbox: &Sandbox) -> Command {
    let (host, port) = address.split_once(':').unwrap();
    let site = format!("\n:{port} {{\n\tbind {host}\n");
    let text = printed
        .replace("\n:8080 {\n\tbind 127.0.0.1\n", &site)
        .replacen("\n{\n", "\n{\n\tadmin off\n", 1);
    let path = write(sandbox, "Caddyfile", &text);
    let run = ["run", "--adapter", "caddyfile", "--config"].map(String::from);
    let path = path.to_str().unwrap().to_owned();
    program(&sandbox.command(run.into_iter().chain([path])), binary)
}

fn traefik(printed: &str, address: &str, sandbox: &Sandbox) -> Command {
    let path = write(sandbox, "postkey.yaml", printed);
    let options = [
        format!("--entryPoints.web.address={address}"),
        format!("--providers.file.filename={}", path.display()),
        "--global.checkNewVersion=false".to_owned(),
        "--global.sendAnonymousUsage=false".to_owned(),
        "--accesslog=true".to_owned(),
        "--log.level=DEBUG".to_owned(),
    ];
    program(&sandbox.command(options), &tool("traefik"))
}

/// Of the two files the second is the Lua.
fn haproxy(printed: &str, address: &str, sandbox: &Sandbox) -> Command {
    let (main, lua) = printed
        .split_once("\n# === /etc/haproxy/postkey.lua")
        .unwrap();
    let lua = lua.split_once('\n').unwrap().1;
    let lua = write(sandbox, "postkey.lua", lua);
    let main = main
        .replace("127.0.0.1:8080", address)
        .replace("/etc/haproxy/postkey.lua", lua.to_str().unwrap());
    let main = main.replace("\nglobal\n", "\nglobal\n  log stderr local0\n");
    let path = write(sandbox, "haproxy.cfg", &main);
    let path = path.to_str().unwrap();
    program(&sandbox.command(["-f", path]), "/usr/sbin/haproxy")
}

/// The gateway's own folder.
pub fn folder(sandbox: &Sandbox) -> PathBuf {
    sandbox.home().join("gateway")
}

fn write(sandbox: &Sandbox, name: &str, text: &str) -> PathBuf {
    let folder = folder(sandbox);
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// A program that Debian does not have, as tests/run installs it.
fn tool(name: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gateways/bin");
    let path = path.join(name);
    assert!(
        path.exists(),
        "`{}` is missing: tests/run installs it",
        path.display()
    );
    path.to_str().unwrap().to_owned()
}
