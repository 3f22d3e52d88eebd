//! A connection of Postfix: requests one after the other.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::select;
use tokio::sync::watch;
use tokio::time::timeout;

use super::decision::Mail;
use super::request::PolicyRequest;
use super::response::{MALFORMED, UNAVAILABLE};
use crate::process;
use crate::serve::app::App;

/// How long a request may be, in bytes: several times what Postfix writes about the longest
/// addresses.
const MAX_REQUEST: usize = 16 << 10;

/// How long a request may take once it has begun.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(6);

/// How long a connection may be idle: longer than Postfix lets it be
/// (`smtpd_policy_service_max_ttl`, 1000 seconds).
const IDLE_TIMEOUT: Duration = Duration::from_secs(1100);

/// How long to read on after a request that was not understood.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// What ends a request.
const END: &[u8] = b"\n\n";

/// The words by which requests without a decision are counted.
const MALFORMED_WORD: &str = "malformed";
const UNAVAILABLE_WORD: &str = "unavailable";
const PASSED_WORD: &str = "accepted";

/// Answers the requests of a connection, until its client or `stopping` ends it.
pub(in crate::serve) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    app: &App,
    mut stopping: watch::Receiver<()>,
) {
    let mut connection = Connection {
        stream,
        received: Vec::new(),
    };
    let mut mail = Mail::default();
    loop {
        let request = select! {
            request = connection.next() => request,
            _ = stopping.changed() => return,
        };
        let lines = match request {
            Ok(Some(lines)) => lines,
            Ok(None) => return,
            Err(error) => {
                if error.kind() == io::ErrorKind::InvalidData {
                    refuse(&mut connection, app).await;
                }
                return;
            }
        };
        let Ok(request) = PolicyRequest::parse(&lines) else {
            // Where the next request would begin is not known.
            return refuse(&mut connection, app).await;
        };
        let action = answer(app, &request, &mut mail).await;
        if connection.answer(&action).await.is_err() {
            return;
        }
    }
}

/// Answers what is not a request, and counts it.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(connection: &mut Connection<S>, app: &App) {
    app.metrics.count_policy(MALFORMED_WORD);
    // A connection that broke is the client's concern.
    let _ = connection.answer(MALFORMED).await;
    connection.drain().await;
}

/// The action for a request.
async fn answer(app: &App, request: &PolicyRequest, mail: &mut Mail) -> String {
    match app.decide_policy(request, mail, process::now()).await {
        Ok(decision) => {
            app.note_vault(None);
            let verdict = decision
                .verdict()
                .map_or(PASSED_WORD, |verdict| verdict.into_str());
            app.metrics.count_policy(verdict);
            decision.action()
        }
        Err(error) => {
            app.note_vault(Some(&error));
            app.metrics.count_policy(UNAVAILABLE_WORD);
            UNAVAILABLE.to_owned()
        }
    }
}

/// A connection, and what was received of its next request.
struct Connection<S> {
    stream: S,
    received: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// The lines of the next request; `None` if the client is done.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if it is too long, or not complete in time.
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.received.is_empty() {
            match timeout(IDLE_TIMEOUT, self.receive()).await {
                Ok(Ok(0)) | Err(_) => return Ok(None),
                Ok(received) => received?,
            };
        }
        let complete = timeout(REQUEST_TIMEOUT, self.complete()).await;
        complete.unwrap_or_else(|_| Err(io::ErrorKind::InvalidData.into()))
    }

    async fn complete(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let end = self.received.windows(END.len()).position(|at| at == END);
            if let Some(end) = end {
                let rest = self.received.split_off(end + END.len());
                let mut lines = std::mem::replace(&mut self.received, rest);
                // The first of the two line ends belongs to the last line.
                lines.truncate(end + 1);
                return Ok(Some(lines));
            }
            if self.received.len() > MAX_REQUEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.receive().await? == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }

    async fn receive(&mut self) -> io::Result<usize> {
        self.received.reserve(1024);
        self.stream.read_buf(&mut self.received).await
    }

    /// Reads what is still under way before the connection is closed: otherwise the client's system
    /// may discard the answer.
    async fn drain(&mut self) {
        let drain = async {
            let _ = self.stream.shutdown().await;
            while self.receive().await.is_ok_and(|received| received > 0) {
                self.received.clear();
            }
        };
        let _ = timeout(DRAIN_TIMEOUT, drain).await;
    }

    async fn answer(&mut self, action: &str) -> io::Result<()> {
        let answer = format!("action={action}\n\n");
        match timeout(REQUEST_TIMEOUT, self.stream.write_all(answer.as_bytes())).await {
            Ok(written) => written,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}
