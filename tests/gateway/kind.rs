//! The gateways, how each is started, and how they differ.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::geteuid;

use crate::mail::Debian;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::program;

/// A gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx(Debian),
    Caddy(Debian),
    /// The current release.
    NewCaddy,
    Traefik,
    Haproxy(Debian),
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Nginx(Debian::Here),
        Self::Nginx(Debian::Trixie),
        Self::Caddy(Debian::Here),
        Self::Caddy(Debian::Trixie),
        Self::NewCaddy,
        Self::Traefik,
        Self::Haproxy(Debian::Here),
        Self::Haproxy(Debian::Trixie),
    ];

    /// Every gateway. Debian 13's only as root; `tests/run` says so.
    pub fn all() -> impl Iterator<Item = Self> {
        let has_trixie = geteuid().is_root();
        let all = Self::ALL.into_iter();
        all.filter(move |kind| has_trixie || kind.debian() != Some(Debian::Trixie))
    }

    /// Whose package it is.
    fn debian(self) -> Option<Debian> {
        match self {
            Self::Nginx(debian) | Self::Caddy(debian) | Self::Haproxy(debian) => Some(debian),
            Self::NewCaddy | Self::Traefik => None,
        }
    }

    pub fn is_nginx(self) -> bool {
        matches!(self, Self::Nginx(_))
    }

    /// Its name in `connect`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nginx(_) => "nginx",
            Self::Caddy(_) | Self::NewCaddy => "caddy",
            Self::Traefik => "traefik",
            Self::Haproxy(_) => "haproxy",
        }
    }

    /// Whether clients with a valid key are told what is left of its limit.
    pub fn tells_what_is_left(self) -> bool {
        self != Self::Traefik
    }

    /// Whether it connects to `serve` on a unix socket.
    pub fn has_unix_sockets(self) -> bool {
        self != Self::Traefik
    }

    /// Whether the backend receives an `Authorization` that is not a bearer token.
    pub fn passes_other_credentials(self) -> bool {
        self != Self::Traefik
    }

    /// The status while the checker is unavailable.
    pub fn status_without_a_checker(self) -> u16 {
        match self {
            Self::Nginx(_) | Self::Haproxy(_) => 503,
            Self::Caddy(_) | Self::NewCaddy => 502,
            Self::Traefik => 500,
        }
    }

    /// The printed configuration with a longer timeout for the checker: on a loaded machine, the
    /// first check of a key may take more than the configured five seconds.
    pub fn patient(self, printed: &str) -> String {
        let (line, instead) = match self {
            Self::Nginx(_) => ("proxy_read_timeout 5s", "proxy_read_timeout 30s"),
            Self::Caddy(_) | Self::NewCaddy => {
                ("response_header_timeout 5s", "response_header_timeout 30s")
            }
            Self::Haproxy(_) => ("settimeout(5)", "settimeout(30)"),
            Self::Traefik => return printed.to_owned(),
        };
        assert!(printed.contains(line), "{printed}");
        printed.replace(line, instead)
    }

    /// Installs the printed configuration, changing only the port and what two gateways on one
    /// machine would share; returns the command that starts it.
    pub fn configure(self, printed: &str, address: &str, sandbox: &Sandbox) -> Command {
        let arguments = match self {
            Self::Nginx(_) => nginx(printed, address, sandbox),
            Self::Caddy(_) | Self::NewCaddy => caddy(printed, address, sandbox),
            Self::Traefik => traefik(printed, address, sandbox),
            Self::Haproxy(_) => haproxy(printed, address, sandbox),
        };
        let words = [self.program(), arguments].concat();
        program(&sandbox.command(&words[1..]), &words[0])
    }

    /// The program, and the arguments before its own.
    fn program(self) -> Vec<String> {
        match self {
            Self::Nginx(debian) => debian.program("/usr/sbin/nginx"),
            Self::Caddy(debian) => debian.program("/usr/bin/caddy"),
            Self::NewCaddy => vec![tool("caddy")],
            Self::Traefik => vec![tool("traefik")],
            Self::Haproxy(debian) => debian.program("/usr/sbin/haproxy"),
        }
    }
}

impl Debian {
    /// A program of it on this machine, and the arguments before its own.
    fn program(self, path: &str) -> Vec<String> {
        if self == Self::Here {
            return vec![path.to_owned()];
        }
        // With its own loader and libraries it needs nothing else of its system.
        let root = self.root().display().to_string();
        let loader = format!("{root}/usr/bin/ld.so");
        let libraries = format!("{root}/usr/lib/{ARCH}-linux-gnu");
        vec![loader, "--library-path".to_owned(), libraries, root + path]
    }
}

/// The rest of a separate nginx's configuration.
const AROUND: &str = "\
daemon off;
master_process off;
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

fn nginx(printed: &str, address: &str, sandbox: &Sandbox) -> Vec<String> {
    let text = printed
        .replace("127.0.0.1:8080", address)
        .replace("/var/log/nginx/postkey.log", "access.log");
    write(sandbox, "postkey.conf", &text);
    write(sandbox, "nginx.conf", AROUND);
    let prefix = format!("{}/", folder(sandbox).display());
    ["-p", &prefix, "-c", "nginx.conf", "-e", "error.log"]
        .map(String::from)
        .to_vec()
}

fn caddy(printed: &str, address: &str, sandbox: &Sandbox) -> Vec<String> {
    let (host, port) = address.split_once(':').unwrap();
    let site = format!("\n:{port} {{\n\tbind {host}\n");
    let text = printed
        .replace("\n:8080 {\n\tbind 127.0.0.1\n", &site)
        .replacen("\n{\n", "\n{\n\tadmin off\n", 1);
    let path = write(sandbox, "Caddyfile", &text);
    let path = path.to_str().unwrap();
    ["run", "--adapter", "caddyfile", "--config", path]
        .map(String::from)
        .to_vec()
}

fn traefik(printed: &str, address: &str, sandbox: &Sandbox) -> Vec<String> {
    let path = write(sandbox, "postkey.yaml", printed);
    vec![
        format!("--entryPoints.web.address={address}"),
        format!("--providers.file.filename={}", path.display()),
        "--global.checkNewVersion=false".to_owned(),
        "--global.sendAnonymousUsage=false".to_owned(),
        "--accesslog=true".to_owned(),
        "--log.level=DEBUG".to_owned(),
    ]
}

/// The second of the two files is the Lua.
fn haproxy(printed: &str, address: &str, sandbox: &Sandbox) -> Vec<String> {
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
    ["-f", path].map(String::from).to_vec()
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
