use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::error::Error as Shown;

/// Only with a password, or a certificate.
const ACCESS: &str = "local all postgres trust
    local all olga scram-sha-256
    hostssl all vera 127.0.0.1/32 cert
    hostssl all olga 127.0.0.1/32 scram-sha-256";

/// An authority, and certificates of it: for the server's name, and a client's.
fn certificates(folder: &Path) {
    let openssl = |words: &str| {
        let mut openssl = Command::new("openssl");
        openssl.args(words.split_whitespace()).current_dir(folder);
        let status = openssl.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect("openssl").success(), "{words}");
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for name in ["ca", "other"] {
        openssl(&format!(
            "req -x509 {key} -keyout {name}.key -out {name}.crt -days 2 -subj /CN={name}"
        ));
    }
    for name in ["localhost", "vera"] {
        openssl(&format!(
            "req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        fs::write(folder.join("san"), format!("subjectAltName=DNS:{name}")).expect("written");
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
             -extfile san -out {name}.crt"
        ));
    }
}

/// The message and hint of an error.
fn shown(connected: Result<Database, Error>) -> String {
    let error = Shown::from(connected.expect_err("refused"));
    format!("{error} / {}", error.hint().unwrap_or_default())
}

#[test]
fn a_connection_is_verified_or_says_why_not() {
    let settings = "ssl = on\nssl_ca_file = '../ca.crt'\nssl_cert_file = '../localhost.crt'\n\
                    ssl_key_file = '../localhost.key'";
    let prepare = |server: &TestServer| {
        let own = server.own.path();
        certificates(own);
        for name in ["ca.crt", "localhost.crt", "localhost.key"] {
            let path = server.folder.path().join(name);
            fs::copy(own.join(name), &path).expect("copied");
            server.give(&path);
        }
    };
    let server = TestServer::start_after(prepare, settings, ACCESS);
    server.sql("postgres", SCHEMA);
    server.sql(
        "postgres",
        "ALTER ROLE olga PASSWORD 'one two'; CREATE ROLE vera LOGIN",
    );
    passwords(&server);
    tls(&server);
    hosts(&server);
}

fn private(server: &TestServer, name: &str, text: &str) -> std::path::PathBuf {
    let path = server.own.path().join(name);
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
    path
}

fn passwords(server: &TestServer) {
    let by_socket = server.by_socket("olga", "postgres");
    let with = |password_file| DatabaseOptions {
        password_file: Some(password_file),
        ..DatabaseOptions::default()
    };
    let right = private(server, "right", "one two\n");
    let database = connect_with(&by_socket, &with(right.clone())).expect("connected");
    assert!(!format!("{database:?}").contains("one two"));
    let open = private(server, "open", "one two\n");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o640)).expect("its mode");
    for (options, part) in [
        (
            DatabaseOptions::default(),
            "requires a password / write it into a file",
        ),
        (
            with(private(server, "wrong", "secret\n")),
            "password authentication failed for user",
        ),
        (
            with(private(server, "empty", "\n")),
            "has an empty first line / put the password on it",
        ),
        (
            with(open),
            "is open to other users / find out who has read it, then `chmod 600 ",
        ),
        (
            with("/nowhere".into()),
            "the file `/nowhere` of `password_file` cannot be read",
        ),
    ] {
        let said = shown(connect_with(&by_socket, &options));
        assert!(said.contains(part), "{said}");
        assert!(
            !said.contains("one two") && !said.contains("secret"),
            "{said}"
        );
    }
    let nowhere = server.by_socket("olga", "nowhere");
    let said = shown(connect_with(&nowhere, &with(right)));
    assert!(
        said.starts_with("there is no database `nowhere` / "),
        "{said}"
    );
    let said = shown(connect(&server.by_socket("nobody", "postgres")));
    assert!(
        said.contains("refused the connection: no pg_hba.conf entry"),
        "{said}"
    );
}

fn tls(server: &TestServer) {
    let port = server.port;
    let at = |user: &str, host: &str| format!("postgres://{user}@{host}:{port}/postgres");
    let file = |name: &str| Some(server.own.path().join(name));
    let right = DatabaseOptions {
        password_file: Some(private(server, "right", "one two")),
        ca_file: file("ca.crt"),
        ..DatabaseOptions::default()
    };
    let database = connect_with(&at("olga", "localhost"), &right).expect("connected");
    let mut is_used = false;
    let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let read = database.each(query, &[], |row| {
        is_used = crate::vault::database::value::integer(row, 0)? == 1;
        Ok::<_, Error>(true)
    });
    read.expect("read");
    assert!(is_used);
    let own = |cert: &str, key: Option<std::path::PathBuf>| DatabaseOptions {
        ca_file: file("ca.crt"),
        cert_file: file(cert),
        key_file: key,
        ..DatabaseOptions::default()
    };
    let key = file("vera.key");
    connect_with(&at("vera", "localhost"), &own("vera.crt", key.clone())).expect("by certificate");
    let with_ca = |ca_file| DatabaseOptions {
        ca_file,
        ..right.clone()
    };
    let garbage = Some(private(server, "garbage", "no certificate"));
    for (user, host, options, part) in [
        (
            "olga",
            "localhost",
            with_ca(file("other.crt")),
            "was not issued by a trusted authority",
        ),
        (
            "olga",
            "127.0.0.1",
            right.clone(),
            "is for another name / use the name",
        ),
        (
            "olga",
            "localhost",
            with_ca(garbage),
            "has no certificates in PEM format",
        ),
        ("olga", "localhost", with_ca(None), "no pg_hba.conf entry"),
        (
            "vera",
            "localhost",
            own("vera.crt", None),
            "`cert_file` in `[database]` is set, but not",
        ),
        (
            "vera",
            "localhost",
            own("ca.crt", key.clone()),
            "is not the key of the certificate",
        ),
        (
            "olga",
            "localhost",
            own("vera.crt", key),
            "requires a password",
        ),
        (
            "vera",
            "localhost",
            with_ca(file("ca.crt")),
            "refused the connection",
        ),
    ] {
        let said = shown(connect_with(&at(user, host), &options));
        assert!(said.contains(part), "{user} {host}: {said}");
    }
}

/// Of several servers, the one that accepts changes is used; if there is none, each says why.
fn hosts(server: &TestServer) {
    let folder = server
        .folder
        .path()
        .display()
        .to_string()
        .replace('/', "%2F");
    let port = server.port;
    let options = DatabaseOptions {
        password_file: Some(private(server, "right", "one two")),
        ..DatabaseOptions::default()
    };
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("its address").port();
    let refused = format!("127.0.0.1:1,localhost:{silent}");
    let address = format!("postgres://olga@{refused},{folder}:{port}/postgres");
    connect_with(&address, &options).expect("the third one");
    server.sql(
        "postgres",
        "ALTER ROLE olga SET default_transaction_read_only = on",
    );
    let said = shown(connect_with(&address, &options));
    for part in [
        "cannot reach the database `postgres`: `127.0.0.1:1`: Connection refused",
        ".s.PGSQL.",
        "it is a standby, or read-only / check that PostgreSQL is running",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
