//! The listeners: loopback or a unix socket, our own or systemd's.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use nix::unistd::geteuid;
use tokio::net::{TcpListener, UnixListener};

use super::Error;
use crate::files::{self, FileId, FileRole};
use crate::settings::Listen;

/// The mode of a unix socket: its owner and its group may connect.
const SOCKET_MODE: u32 = 0o660;

/// A source of connections.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// The listeners, and the socket file to remove at the end.
#[derive(Debug)]
pub(super) struct Listeners {
    all: Vec<Listener>,
    socket: Option<Socket>,
}

/// A unix socket's file.
#[derive(Debug)]
struct Socket {
    path: PathBuf,
    /// Its device and inode.
    id: FileId,
}

impl Listeners {
    /// Takes systemd's sockets, or opens those in the settings.
    ///
    /// # Errors
    /// If it cannot be opened, or other machines could reach it.
    pub(super) fn open_or_inherit(listen: &Listen) -> Result<Self, Error> {
        let systemd_sockets = systemd_sockets()?;
        if systemd_sockets.is_empty() {
            return Self::open(listen);
        }
        Ok(Self {
            all: systemd_sockets,
            socket: None,
        })
    }

    /// Opens the socket of an address.
    ///
    /// # Errors
    /// If it cannot be opened, or its folder is not safe.
    pub(super) fn open(listen: &Listen) -> Result<Self, Error> {
        let failed = |source| Error::Listen {
            address: listen.to_string(),
            source,
        };
        let (listener, socket) = match listen {
            Listen::Tcp(address) => {
                let socket = std::net::TcpListener::bind(address).map_err(failed)?;
                (tcp(socket)?, None)
            }
            Listen::Unix(path) => {
                // The system reports other problems with the path when binding.
                if let Err(error @ files::Error::Refused { .. }) =
                    FileRole::Socket.expect_private_folder(path)
                {
                    return Err(Error::Place(error));
                }
                remove_stale_socket(path)?;
                let socket = bind(path).map_err(failed)?;
                let file = Socket::at(path).map_err(failed)?;
                (unix(socket)?, Some(file))
            }
        };
        Ok(Self {
            all: vec![listener],
            socket,
        })
    }

    /// The listeners themselves.
    pub(super) fn take(&mut self) -> Vec<Listener> {
        std::mem::take(&mut self.all)
    }

    /// Their addresses, for messages.
    pub(super) fn addresses(&self) -> String {
        let addresses = self.all.iter().map(Listener::address);
        addresses.collect::<Vec<_>>().join(", ")
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            socket.remove();
        }
    }
}

impl Socket {
    fn at(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            id: FileId::of(&found),
        })
    }

    /// Removes it, unless it has been replaced by another process.
    fn remove(&self) {
        if Self::at(&self.path).is_ok_and(|found| found.id == self.id) {
            // It may already have been removed.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Listener {
    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream.into_std()?))
            }
            Self::Unix(listener) => Ok(Stream::Unix(listener.accept().await?.0.into_std()?)),
        }
    }

    fn address(&self) -> String {
        let unknown = "an unnamed socket";
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or(unknown.to_owned(), |address| address.to_string()),
            Self::Unix(listener) => listener
                .local_addr()
                .ok()
                .and_then(|address| Some(format!("unix:{}", address.as_pathname()?.display())))
                .unwrap_or(unknown.to_owned()),
        }
    }
}

/// The sockets passed by systemd (sd_listen_fds(3)).
fn systemd_sockets() -> Result<Vec<Listener>, Error> {
    let mut systemd_sockets = ListenFd::from_env();
    let mut listeners = Vec::new();
    for at in 0..systemd_sockets.len() {
        // One of another type is an error.
        if let Ok(Some(socket)) = systemd_sockets.take_tcp_listener(at) {
            listeners.push(tcp(socket)?);
        } else if let Ok(Some(socket)) = systemd_sockets.take_unix_listener(at) {
            listeners.push(unix(socket)?);
        } else {
            return Err(Error::NotASocket);
        }
    }
    Ok(listeners)
}

fn tcp(socket: std::net::TcpListener) -> Result<Listener, Error> {
    let address = socket.local_addr().map_err(Error::System)?;
    if !address.ip().is_loopback() {
        return Err(Error::NotLoopback(address));
    }
    socket.set_nonblocking(true).map_err(Error::System)?;
    let listener = TcpListener::from_std(socket).map_err(Error::System)?;
    Ok(Listener::Tcp(listener))
}

fn unix(socket: std::os::unix::net::UnixListener) -> Result<Listener, Error> {
    socket.set_nonblocking(true).map_err(Error::System)?;
    let listener = UnixListener::from_std(socket).map_err(Error::System)?;
    Ok(Listener::Unix(listener))
}

/// Removes a stale socket of ours; leaves anything else alone.
fn remove_stale_socket(path: &Path) -> Result<(), Error> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if let Some((why, hint)) = refusal(path, &found) {
        let path = path.to_owned();
        return Err(Error::Socket { path, why, hint });
    }
    fs::remove_file(path).map_err(|source| Error::Listen {
        address: format!("unix:{}", path.display()),
        source,
    })
}

/// Why the existing file must not be replaced, and the hint.
fn refusal(path: &Path, found: &Metadata) -> Option<(&'static str, &'static str)> {
    let kind = found.file_type();
    if kind.is_symlink() {
        let hint = "name what it points to with --listen, or remove it";
        return Some(("it is a symbolic link", hint));
    }
    if kind.is_dir() {
        let hint = "name a path in it, as in --listen unix:FOLDER/postkey.sock";
        return Some(("it is a folder", hint));
    }
    if !kind.is_socket() {
        let hint = "name another path with --listen, or move the file away";
        return Some(("it exists and is not a socket", hint));
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            let hint = "remove it if it is not needed, or name another path with --listen";
            let is_ours = found.uid() == geteuid().as_raw();
            (!is_ours).then_some(("it is another user's socket", hint))
        }
        Err(_) => Some((
            "it is a socket, and another process may be listening on it",
            "remove it if no process does, or name another path with --listen",
        )),
        Ok(_) => Some((
            "another process listens on it",
            "stop the other `postkey serve`, or name another path with --listen",
        )),
    }
}

fn bind(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    let socket = std::os::unix::net::UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    Ok(socket)
}
