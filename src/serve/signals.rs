//! Signals that stop the process, as something to await.

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use crate::process;

/// A pipe to which each signal writes a byte. (tokio's signals panic if the system has no
/// descriptors left.)
#[derive(Debug)]
pub(super) struct Signals(UnixStream);

impl Signals {
    /// Catches SIGTERM and SIGINT from now on, and SIGHUP unless it is ignored.
    pub(super) fn catch() -> io::Result<Self> {
        let (reader, writer) = StdUnixStream::pair()?;
        let hangup = (!process::outlives_terminal()).then_some(SIGHUP);
        for signal in [SIGTERM, SIGINT].into_iter().chain(hangup) {
            pipe::register(signal, writer.try_clone()?)?;
        }
        reader.set_nonblocking(true)?;
        Ok(Self(UnixStream::from_std(reader)?))
    }

    /// Returns when the first one arrives.
    pub(super) async fn first(&mut self) {
        // Fails only if waiting is impossible: then it is better to stop.
        let _ = self.0.read(&mut [0]).await;
    }
}
