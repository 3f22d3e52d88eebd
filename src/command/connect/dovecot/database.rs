//! How Dovecot reaches a vault in a PostgreSQL database.

use std::path::Path;

use super::version::Version;
use crate::command::connect::facts::{DovecotDatabase, PlaceholderValue, TemplateFacts, fill};
use crate::error::Error;
use crate::key::quoted;
use crate::vault::DatabaseServer;

/// The authorities that Debian trusts: libpq before version 16 knows no default.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The placeholders of the files for a database.
pub(in crate::command::connect) const PLACEHOLDERS: [(&str, PlaceholderValue); 8] = [
    ("look_up", look_up),
    ("row", |_| {
        Ok(include_str!("row.conf").trim_end().to_owned())
    }),
    ("access", |facts| of(facts, access)),
    ("hosts", |facts| of(facts, hosts)),
    ("ports", |facts| of(facts, ports)),
    ("database_name", |facts| of(facts, name)),
    ("password", |facts| of(facts, password)),
    ("encryption", |facts| of(facts, encryption)),
];

/// The file with the query, for a vault in a file or a database.
fn look_up(facts: TemplateFacts) -> Result<String, Error> {
    let text = match facts.database {
        None => include_str!("sql-file.conf.ext"),
        Some(_) => include_str!("sql-database.conf.ext"),
    };
    fill(text, facts)
}

/// A value of the database; empty if there is none.
fn of(
    facts: TemplateFacts,
    value: fn(DovecotDatabase, Version) -> Result<String, Error>,
) -> Result<String, Error> {
    let database = facts.database;
    database.map_or_else(|| Ok(String::new()), |one| value(one, facts.dovecot))
}

/// The comment on how Dovecot proves who it is.
fn access(database: DovecotDatabase, _: Version) -> Result<String, Error> {
    let text = match is_socket(database) {
        true => include_str!("access-socket.conf"),
        false => include_str!("access-password.conf"),
    };
    Ok(text.trim_end().to_owned())
}

fn hosts(database: DovecotDatabase, _: Version) -> Result<String, Error> {
    let hosts = database.address.servers.iter();
    let hosts = hosts.map(|server| plain("the host of the vault's database", &server.host));
    Ok(hosts.collect::<Result<Vec<_>, _>>()?.join(","))
}

fn ports(database: DovecotDatabase, _: Version) -> Result<String, Error> {
    let ports = database.address.servers.iter();
    let ports = ports.map(|server| server.port.to_string());
    Ok(ports.collect::<Vec<_>>().join(","))
}

fn name(database: DovecotDatabase, _: Version) -> Result<String, Error> {
    plain(
        "the name of the vault's database",
        &database.address.database,
    )
}

/// A password, unless the system vouches for Dovecot.
fn password(database: DovecotDatabase, version: Version) -> Result<String, Error> {
    Ok(match is_socket(database) {
        true => String::new(),
        false => parameter(version, "password", "PASSWORD"),
    })
}

/// TLS with a verified server, where postkey itself wants that.
fn encryption(database: DovecotDatabase, version: Version) -> Result<String, Error> {
    let is_local = database
        .address
        .servers
        .iter()
        .all(DatabaseServer::is_local);
    if is_socket(database) || is_local && database.authorities.is_none() {
        return Ok(String::new());
    }
    let path = database.authorities.map(Path::to_string_lossy);
    let path = path.as_deref().unwrap_or(SYSTEM_AUTHORITIES);
    let authorities = plain("the path of the authorities' certificates", path)?;
    let mode = parameter(version, "sslmode", "verify-full");
    Ok(mode + &parameter(version, "sslrootcert", &authorities))
}

/// A parameter of the connection, behind others.
fn parameter(version: Version, name: &str, value: &str) -> String {
    match version {
        Version::V2_3 => format!(" {name}={value}"),
        Version::V2_4 => format!("\n    {name} = {value}"),
    }
}

fn is_socket(database: DovecotDatabase) -> bool {
    database
        .address
        .servers
        .iter()
        .all(DatabaseServer::is_socket)
}

/// A text that needs no quoting, neither in Dovecot's configuration nor in libpq's parameters.
fn plain(what: &str, text: &str) -> Result<String, Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:".contains(&byte);
    if text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    let text = quoted(text);
    let message = format!("{what}, {text}, cannot be written in Dovecot's configuration");
    Err(Error::usage(message).with_hint("it may have letters, digits and `/._-:`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_is_encrypted_wherever_others_could_listen() {
        let authorities = Path::new("/etc/postkey/ca.pem");
        for (address, authorities, expected) in [
            ("postgres:///postkey?host=/run/postgresql", None, ""),
            (
                "postgres:///postkey?host=/run/postgresql",
                Some(authorities),
                "",
            ),
            ("postgres://localhost/postkey", None, " password=PASSWORD"),
            (
                "postgres://127.0.0.1,[::1]/postkey",
                None,
                " password=PASSWORD",
            ),
            (
                "postgres://localhost/postkey",
                Some(authorities),
                " password=PASSWORD sslmode=verify-full sslrootcert=/etc/postkey/ca.pem",
            ),
            (
                "postgres://localhost,db1/postkey",
                None,
                " password=PASSWORD sslmode=verify-full \
                 sslrootcert=/etc/ssl/certs/ca-certificates.crt",
            ),
        ] {
            let parsed = address.parse().expect(address);
            let database = DovecotDatabase {
                address: &parsed,
                authorities,
            };
            let version = Version::V2_3;
            let found = password(database, version).expect(address)
                + &encryption(database, version).expect(address);
            assert_eq!(found, expected, "{address}");
        }
    }

    #[test]
    fn what_would_need_quoting_is_refused() {
        for text in ["it's", "a b", "x#y", "50%", "x\ny", "\\", "\"", "a=b", "ü"] {
            let error = plain("the name", text).expect_err(text).to_string();
            assert!(error.contains("cannot be written"), "{error}");
        }
        assert_eq!(
            plain("the name", "postkey-2.x:_/").expect("plain"),
            "postkey-2.x:_/"
        );
    }
}
