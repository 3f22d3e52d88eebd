//! Errors of `serve`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::error::Explained;
use crate::exit::ExitStatus;
use crate::files;
use crate::process::NO_THREAD;
use crate::vault;

/// Why it cannot serve.
#[derive(Debug, miette::Diagnostic, thiserror::Error)]
pub enum Error {
    /// The vault cannot be read.
    #[error("{0}")]
    #[diagnostic(transparent)]
    Vault(#[from] vault::Error),
    /// It cannot listen on the address.
    #[error("cannot listen on `{address}`: {source}")]
    #[diagnostic(help("{}", listen_hint(source)))]
    Listen {
        /// The address.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// The existing file at a unix socket's path must not be replaced.
    #[error("cannot listen on `unix:{}`: {why}", path.display())]
    Socket {
        /// The path.
        path: PathBuf,
        /// What it is.
        why: &'static str,
        /// How to listen nevertheless.
        #[help]
        hint: &'static str,
    },
    /// Others could replace our socket with theirs.
    #[error("cannot listen there: {0}")]
    #[diagnostic(transparent)]
    Place(files::Error),
    /// systemd passed a socket that other machines can reach.
    #[error("the inherited socket listens on {0}, which other machines can reach")]
    #[diagnostic(help("set ListenStream= in the socket unit to 127.0.0.1 or a path"))]
    NotLoopback(SocketAddr),
    /// systemd passed something other than a listening stream socket.
    #[error("the inherited file descriptor is not a listening stream socket")]
    #[diagnostic(help("use ListenStream= in the socket unit"))]
    NotASocket,
    /// The system cannot start more threads.
    #[error("cannot start a thread: {0}")]
    #[diagnostic(help("{NO_THREAD}"))]
    Thread(io::Error),
    /// The limit on open files is too low.
    #[error("cannot serve with at most {0} open files")]
    #[diagnostic(help(
        "raise it with `ulimit -n 1024`, or LimitNOFILE=1024 in the service's unit"
    ))]
    TooFewFiles(usize),
    /// Another error of the system.
    #[error("cannot wait for connections: {0}")]
    System(io::Error),
}

impl Explained for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Vault(error) => error.exit_status(),
            Self::Place(error) => error.exit_status(),
            _ => ExitStatus::Trouble,
        }
    }
}

/// How to listen where the system refused it.
fn listen_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "stop the other `postkey serve`, or name another address with --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "name a port from 1024 on, or a socket in a folder that you can write to, with --listen"
        }
        io::ErrorKind::NotFound => "create its folder first, or name another with --listen",
        io::ErrorKind::AddrNotAvailable => "name 127.0.0.1 or [::1] with --listen",
        _ => "name another address with --listen",
    }
}
