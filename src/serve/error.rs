//! Why `serve` does not begin.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::files;
use crate::vault;

/// Why it cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The vault cannot be read.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`: {source}")]
    Listen {
        /// Where.
        address: String,
        /// What the system answered.
        source: io::Error,
    },
    /// What is at a unix socket's path is not to be replaced.
    #[error("cannot listen on `unix:{}`: {why}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// What is there.
        why: &'static str,
        /// How to listen all the same.
        hint: &'static str,
    },
    /// Others could put a socket of their own in the place of ours.
    #[error("cannot listen there: {0}")]
    Place(files::Error),
    /// systemd passed a socket that other machines can reach.
    #[error("the inherited socket listens on {0}, which other machines can reach")]
    NotLoopback(SocketAddr),
    /// systemd passed something else than a listening stream socket.
    #[error("the inherited file descriptor is not a listening stream socket")]
    NotASocket,
    /// The system starts no more threads.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The process may not have enough files open.
    #[error("cannot serve with at most {0} open files")]
    TooFewFiles(usize),
    /// The system refused something else.
    #[error("cannot wait for connections: {0}")]
    System(io::Error),
}
