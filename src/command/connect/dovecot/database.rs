//! How Dovecot reaches a vault in a PostgreSQL database.

use std::net::IpAddr;
use std::path::Path;

use super::super::facts::{PlaceholderValue, TemplateFacts, fill};
use super::version::Version;
use crate::error::Error;
use crate::key::quoted;

/// The authorities that Debian trusts: libpq before version 16 knows no default.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The vault's database, with what Dovecot needs to know of it.
#[derive(Clone, Copy)]
pub(in crate::command::connect) struct DovecotDatabase<'a> {
    /// The hosts and ports of its servers, at least one; a host may be the folder of a socket.
    pub(in crate::command::connect) servers: &'a [(String, u16)],
    /// Its name.
    pub(in crate::command::connect) name: &'a str,
    /// The certificates of the authorities that are trusted, if not the system's.
    pub(in crate::command::connect) authorities: Option<&'a Path>,
}

/// The placeholders of the files for a database.
pub(in crate::command::connect) const PLACEHOLDERS: [(&str, PlaceholderValue); 8] = [
    ("look_up", look_up),
    ("row", |_| {
        Ok(include_str!("row.conf").trim_end().to_owned())
    }),
    ("access", access),
    ("hosts", |facts| hosts(database(facts))),
    ("ports", |facts| Ok(ports(database(facts)))),
    ("database_name", |facts| {
        plain("the name of the vault's database", database(facts).name)
    }),
    ("password", password),
    ("encryption", encryption),
];

/// The file with the query, for a vault in a file or a database.
fn look_up(facts: TemplateFacts) -> Result<String, Error> {
    let text = match facts.database {
        None => include_str!("sql-file.conf.ext"),
        Some(_) => include_str!("sql-database.conf.ext"),
    };
    fill(text, facts)
}

/// The database; an empty one where there is none, whose placeholders are in no printed file.
fn database(facts: TemplateFacts<'_>) -> DovecotDatabase<'_> {
    facts.database.unwrap_or(DovecotDatabase {
        servers: &[],
        name: "",
        authorities: None,
    })
}

/// The comment on how Dovecot proves who it is.
fn access(facts: TemplateFacts) -> Result<String, Error> {
    let text = match database(facts).is_socket() {
        true => include_str!("access-socket.conf"),
        false => include_str!("access-password.conf"),
    };
    Ok(text.trim_end().to_owned())
}

fn hosts(database: DovecotDatabase) -> Result<String, Error> {
    let hosts = database.servers.iter();
    let hosts = hosts.map(|(host, _)| plain("the host of the vault's database", host));
    Ok(hosts.collect::<Result<Vec<_>, _>>()?.join(","))
}

fn ports(database: DovecotDatabase) -> String {
    let ports = database.servers.iter().map(|(_, port)| port.to_string());
    ports.collect::<Vec<_>>().join(",")
}

/// A password, unless the system vouches for Dovecot.
fn password(facts: TemplateFacts) -> Result<String, Error> {
    Ok(match database(facts).is_socket() {
        true => String::new(),
        false => parameter(facts.dovecot, "password", "PASSWORD"),
    })
}

/// TLS with a server whose certificate is verified, unless nobody else can listen.
fn encryption(facts: TemplateFacts) -> Result<String, Error> {
    let database = database(facts);
    if database.is_local() {
        return Ok(String::new());
    }
    let path = database.authorities.map(Path::to_string_lossy);
    let path = path.as_deref().unwrap_or(SYSTEM_AUTHORITIES);
    let authorities = plain("the path of the authorities' certificates", path)?;
    let mode = parameter(facts.dovecot, "sslmode", "verify-full");
    Ok(mode + &parameter(facts.dovecot, "sslrootcert", &authorities))
}

/// A parameter of the connection, behind others.
fn parameter(version: Version, name: &str, value: &str) -> String {
    match version {
        Version::V2_3 => format!(" {name}={value}"),
        Version::V2_4 => format!("\n    {name} = {value}"),
    }
}

/// A text that needs no quoting, neither in Dovecot's configuration nor in libpq's parameters.
fn plain(what: &str, text: &str) -> Result<String, Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:".contains(&byte);
    if text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    let message = format!(
        "{what}, {}, cannot be written in Dovecot's configuration",
        quoted(text)
    );
    Err(Error::usage(message).with_hint("it may have letters, digits and `/._-:`"))
}

impl DovecotDatabase<'_> {
    fn is_socket(self) -> bool {
        self.servers.iter().all(|(host, _)| host.starts_with('/'))
    }

    /// Whether nobody but this machine's root could pretend to be one of its servers.
    fn is_local(self) -> bool {
        let is_loopback = |host: &str| host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        self.servers
            .iter()
            .all(|(host, _)| host.starts_with('/') || host == "localhost" || is_loopback(host))
    }
}
