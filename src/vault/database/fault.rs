//! Why a database could not be used.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::files::hint_of;

/// Why a database could not be used, where a file would have no such reason.
#[derive(Debug, miette::Diagnostic, thiserror::Error)]
pub enum DatabaseFault {
    /// A file of `[database]` cannot be used.
    #[error("the file `{}` of `{setting}` {why}", path.display())]
    #[diagnostic(help("{}", hint_of(hint, path)))]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// How to fix it; [`hint_of`] fills in the path.
        hint: String,
    },
    /// Of a client's certificate and its key only one is set.
    #[error("`{0}` in `[database]` is set, but not `{1}`")]
    #[diagnostic(help("set both, or neither: a client certificate is useless without its key"))]
    HalfCertificate(&'static str, &'static str),
    /// The system has no certificates of authorities.
    #[error("this system trusts no certificate authority")]
    #[diagnostic(help(
        "install the package `ca-certificates`, or name the authority of the database's \
         certificate with `ca_file` in `[database]`"
    ))]
    NoAuthorities,
    /// No server can be used.
    #[error("cannot reach the database `{database}`: {}", hosts.join("; "))]
    #[diagnostic(help(
        "check that PostgreSQL is running there and accepts changes, and that the vault's \
         address is correct; then try again"
    ))]
    Unreachable {
        /// The database's name.
        database: String,
        /// Each server, and why it cannot be used.
        hosts: Vec<String>,
    },
    /// The server's certificate was issued by nobody who is trusted.
    #[error("the certificate of `{0}` was not issued by a trusted authority")]
    #[diagnostic(help(
        "name the certificate of its authority with `ca_file` in `[database]`; if it was trusted \
         before, find out who answers there"
    ))]
    UnknownAuthority(String),
    /// The server's certificate is for another name.
    #[error("the certificate of `{0}` is for another name")]
    #[diagnostic(help(
        "use the name that it was issued for in the vault's address; if it was correct before, \
         find out who answers there"
    ))]
    WrongName(String),
    /// The server's certificate has expired, or TLS failed for another reason.
    #[error("cannot use TLS with `{server}`: {why}")]
    #[diagnostic(help(
        "check the server's `ssl`, `ssl_cert_file` and `ssl_ca_file`; without TLS, a server is \
         only used by a unix socket or on loopback"
    ))]
    Tls {
        /// The server.
        server: String,
        /// What failed.
        why: String,
    },
    /// The server wants a password, and there is none.
    #[error("`{0}` requires a password")]
    #[diagnostic(help(
        "write it into a file that only you can read, and name that with `password_file` in \
         `[database]` of the settings"
    ))]
    PasswordRequired(String),
    /// The server did not accept the role or its password.
    #[error("`{server}` refused the connection: {why}")]
    #[diagnostic(help(
        "check the role in the vault's address, `password_file` or `cert_file` in `[database]`, \
         and `pg_hba.conf` on the server"
    ))]
    Refused {
        /// The server.
        server: String,
        /// Its message.
        why: String,
    },
    /// There is no such database.
    #[error("there is no database `{0}`")]
    #[diagnostic(help(
        "check the vault's address, or create it with `createdb`; `postkey connect postgres` \
         prints what belongs in it"
    ))]
    NoDatabase(String),
    /// It has no vault.
    #[error("the database `{0}` has no vault that your role can use")]
    #[diagnostic(help(
        "`postkey connect postgres` prints the schema and the roles, for the database's owner to \
         create and grant"
    ))]
    NoSchema(String),
    /// Only a vault in a file has that.
    #[error("this needs a vault in a file, and this one is in a database")]
    #[diagnostic(help("name a file with --vault"))]
    NotAFile,
    /// Its schema is older than this postkey can use.
    #[error("the vault has schema version {found}; this postkey needs version {known}")]
    #[diagnostic(help(
        "`postkey connect postgres` prints what the database's owner must run to bring it up to date"
    ))]
    Older {
        /// The vault's schema version.
        found: i64,
        /// The version that is needed.
        known: i64,
    },
    /// The role has no right to that.
    #[error("your role may not do this: {0}")]
    #[diagnostic(help(
        "ask the database's owner for a role that may; `postkey connect postgres` lists them"
    ))]
    Denied(String),
    /// The server is starting, shutting down, or ended the connection.
    #[error("the database server is not available: {0}")]
    #[diagnostic(help("try again when it is running"))]
    Unavailable(String),
    /// The server did not answer in time.
    #[error("the database server did not answer for {}s", .0.as_secs())]
    #[diagnostic(help("check the server and the network, then try again"))]
    Silent(Duration),
    /// A transaction's connection was lost.
    #[error("the connection to the database was lost: {0}")]
    #[diagnostic(help("check the server and the network, then try again"))]
    Lost(String),
    /// A commit was not confirmed, and was found not to have happened.
    #[error("nothing was changed: {0}")]
    #[diagnostic(help("check the server, its standby and the network, then try again"))]
    NotCommitted(String),
    /// A value that must be unique already exists.
    #[error("a value already exists: {constraint}")]
    #[diagnostic(help("check `postkey list`, then try again"))]
    Taken {
        /// The name of the constraint or index.
        constraint: String,
    },
    /// A transaction in which a statement failed cannot be committed.
    #[error("the change was rolled back: a part of it failed")]
    #[diagnostic(help("check `postkey list`, then try again"))]
    Aborted,
    /// A column has a type that the schema does not use.
    #[error("the vault's schema has a column `{column}` of type `{kind}`")]
    #[diagnostic(help("the schema was edited by hand: undo that, or restore a backup"))]
    ForeignType {
        /// The column.
        column: String,
        /// Its type.
        kind: String,
    },
    /// The process cannot make a connection.
    #[error("cannot open a connection: {0}")]
    #[diagnostic(help("{}", crate::files::hint_of_io(_0).unwrap_or_default()))]
    NoFiles(io::Error),
    /// Any other error of the server.
    #[error("the database refused: {message} (SQLSTATE {code})")]
    #[diagnostic(help("the server's log says more"))]
    Server {
        /// Its code.
        code: String,
        /// Its message.
        message: String,
    },
    /// The two do not understand each other.
    #[error("cannot use the database: {0}")]
    #[diagnostic(help("PostgreSQL 13 or later is required"))]
    Protocol(String),
}
