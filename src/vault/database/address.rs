//! Where a vault is: in a file, or in a database, as a URL like libpq's but without a password.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::key::{Invalid, quoted};

/// How a database's address begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The port of a host without one.
const DEFAULT_PORT: u16 = 5432;

/// What must be encoded within a part of a URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The same in the value of a parameter.
const ENCODED_VALUE: &AsciiSet = &ENCODED.remove(b'/');

const FORM: &str = "write `postgres://USER@HOST/DATABASE`, with `:PORT` after the host and more \
     hosts after commas if needed, or `postgres:///DATABASE?host=/run/postgresql` for a unix socket";

/// Where a vault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultAddress {
    /// An SQLite file.
    File(PathBuf),
    /// A PostgreSQL database.
    Database(DatabaseAddress),
}

/// A PostgreSQL database: the servers that may have it, its name, and the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseAddress {
    /// The servers, of which one is the primary; at least one.
    pub servers: Vec<DatabaseServer>,
    /// The database's name.
    pub database: String,
    /// The role; if `None`, the one with the name of the system's user.
    pub user: Option<String>,
}

/// A server and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseServer {
    /// Its name, IP address, or the absolute path of the folder of its unix socket.
    pub host: String,
    /// Its port, which is also a part of the socket's name.
    pub port: u16,
}

impl VaultAddress {
    /// The file's path, if it is a file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Database(_) => None,
        }
    }

    /// Whether a text is meant as a database's address.
    pub fn is_url(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }
}

impl From<PathBuf> for VaultAddress {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl fmt::Display for VaultAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Database(address) => address.fmt(f),
        }
    }
}

impl FromStr for VaultAddress {
    type Err = Invalid;

    /// A URL is a database, anything else a file.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match Self::is_url(text) {
            true => text.parse().map(Self::Database),
            false => Ok(Self::File(text.into())),
        }
    }
}

impl DatabaseServer {
    /// Whether it is reached by a unix socket.
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Whether nobody else can listen on the way to it.
    pub fn is_local(&self) -> bool {
        let is_loopback = |ip: IpAddr| ip.is_loopback();
        self.is_socket() || self.host == "localhost" || self.host.parse().is_ok_and(is_loopback)
    }

    /// As in a URL, in which a socket's slashes are encoded.
    fn encoded(&self) -> String {
        let host = match self.host.contains(':') && !self.is_socket() {
            true => format!("[{}]", self.host),
            false => utf8_percent_encode(&self.host, ENCODED).to_string(),
        };
        match self.port {
            DEFAULT_PORT => host,
            port => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for DatabaseServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_socket(), self.host.contains(':')) {
            (true, _) => write!(f, "{}/.s.PGSQL.{}", self.host, self.port),
            (false, true) => write!(f, "[{}]:{}", self.host, self.port),
            (false, false) => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEMES[0])?;
        if let Some(user) = &self.user {
            write!(f, "{}@", utf8_percent_encode(user, ENCODED))?;
        }
        let database = utf8_percent_encode(&self.database, ENCODED);
        match self.servers.as_slice() {
            [only] if only.is_socket() => {
                let folder = utf8_percent_encode(&only.host, ENCODED_VALUE);
                write!(f, "/{database}?host={folder}")?;
                match only.port {
                    DEFAULT_PORT => Ok(()),
                    port => write!(f, "&port={port}"),
                }
            }
            servers => {
                let servers: Vec<String> = servers.iter().map(DatabaseServer::encoded).collect();
                write!(f, "{}/{database}", servers.join(","))
            }
        }
    }
}

impl FromStr for DatabaseAddress {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut schemes = SCHEMES.iter();
        let rest = schemes.find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| refused("it does not begin with `postgres://`"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A password may have a slash.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err(password()),
            Some((user, rest)) => (Some(decoded(user)?), rest),
            None => (None, rest),
        };
        let parameters = Parameters::read(query)?;
        let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
        let servers = match (hosts, parameters.host) {
            ("", None) => return Err(refused("it names no host")),
            ("", Some(host)) => vec![server(host, parameters.port.unwrap_or(DEFAULT_PORT))?],
            (_, Some(_)) => return Err(refused("it names hosts twice")),
            (_, None) if parameters.port.is_some() => {
                return Err(refused("it names hosts and a separate port"));
            }
            (hosts, None) => hosts
                .split(',')
                .map(host_and_port)
                .collect::<Result<_, _>>()?,
        };
        let user = match (user, parameters.user) {
            (Some(_), Some(_)) => return Err(refused("it names a user twice")),
            (user, other) => user.or(other),
        };
        if user.as_ref().is_some_and(String::is_empty) {
            return Err(refused("its user is empty"));
        }
        match decoded(database)? {
            database if database.is_empty() => Err(refused("it names no database")),
            database => Ok(Self {
                servers,
                database,
                user,
            }),
        }
    }
}

/// The parameters at the end of a URL.
#[derive(Debug, Default)]
struct Parameters {
    user: Option<String>,
    host: Option<String>,
    port: Option<u16>,
}

impl Parameters {
    fn read(query: &str) -> Result<Self, Invalid> {
        let mut read = Self::default();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let is_repeated = match name {
                "user" => read.user.replace(decoded(value)?).is_some(),
                "host" => read.host.replace(decoded(value)?).is_some(),
                "port" => read.port.replace(port(value)?).is_some(),
                "password" | "passfile" | "sslpassword" => return Err(password()),
                name => return Err(unknown(name)),
            };
            if is_repeated {
                return Err(refused("it has a parameter twice"));
            }
        }
        Ok(read)
    }
}

/// A host of the list before the database, with its port.
fn host_and_port(text: &str) -> Result<DatabaseServer, Invalid> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(text) => text
            .split_once(']')
            .ok_or_else(|| refused("an IPv6 address ends with `]`"))?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest {
        "" => DEFAULT_PORT,
        rest => port(rest.strip_prefix(':').unwrap_or(rest))?,
    };
    server(decoded(host)?, port)
}

fn server(host: String, port: u16) -> Result<DatabaseServer, Invalid> {
    let is_socket = host.starts_with('/');
    let is_plain = |c: char| c.is_alphanumeric() || "._-:".contains(c);
    if host.is_empty() {
        return Err(refused("a host in it is empty"));
    }
    if host.contains('\0') || !is_socket && !host.chars().all(is_plain) {
        return Err(refused(
            "a host is a name, an IP address (IPv6 in brackets), or a unix socket's absolute folder",
        ));
    }
    Ok(DatabaseServer { host, port })
}

fn port(text: &str) -> Result<u16, Invalid> {
    let port = text.parse().ok().filter(|&port| port > 0);
    port.ok_or_else(|| refused("a port is a number from 1 to 65535"))
}

fn decoded(text: &str) -> Result<String, Invalid> {
    let text = percent_decode_str(text).decode_utf8();
    match text {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(refused("it is not UTF-8 text")),
    }
}

/// The address is not repeated: what is wrong with it may be a password in the wrong place.
fn refused(rule: &str) -> Invalid {
    Invalid::new("the address of a database", "postgres://…", rule).with_hint(FORM)
}

fn password() -> Invalid {
    let rule = "it has a password, which every user of this machine could see in the list of \
                processes";
    refused(rule).with_hint(
        "remove it, and name a file with `password_file` in `[database]` of the settings, or a \
         client certificate with `cert_file` and `key_file`; change the password",
    )
}

fn unknown(name: &str) -> Invalid {
    let rule = format!("it has an unknown parameter {}", quoted(name));
    refused(&rule).with_hint(
        "allowed: user, host, port; files for TLS are in `[database]` of the settings, and TLS is \
         always verified, except on loopback",
    )
}

#[cfg(test)]
mod tests;
