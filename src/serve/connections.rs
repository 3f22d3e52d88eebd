//! Connections: accepted while there is room, served, and let end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::http::{Desk, router};
use super::listen::{Listener, Stream};

/// How many connections are served at once; more wait to be accepted.
const CONNECTIONS: usize = 4096;

/// How long a client may take for the head of a request, and a connection may be idle.
const SLOWEST_HEAD: Duration = Duration::from_secs(10);

/// How large the head of a request may be, in bytes.
const LARGEST_HEAD: usize = 32 << 10;

/// How many header fields a request may have.
const MOST_FIELDS: usize = 100;

/// How long open connections are given to end when the service is to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// How long to wait after a connection could not be accepted, for want of descriptors mostly.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Accepts connections of all listeners until `stopping` is closed; each task then lets its
/// open connections end.
pub(super) fn accept(
    listeners: Vec<Listener>,
    desk: &Arc<Desk>,
    stopping: &watch::Receiver<()>,
) -> JoinSet<()> {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let router = router(Arc::clone(desk));
    let door = |listener| Door {
        listener,
        desk: Arc::clone(desk),
        room: Arc::clone(&room),
        router: router.clone(),
    };
    let doors = listeners.into_iter().map(door);
    doors.map(|door| door.keep(stopping.clone())).collect()
}

/// A listener and what its connections are served with.
struct Door {
    listener: Listener,
    desk: Arc<Desk>,
    room: Arc<Semaphore>,
    router: Router,
}

impl Door {
    async fn keep(self, mut stopping: watch::Receiver<()>) {
        let graceful = GracefulShutdown::new();
        loop {
            select! {
                (stream, permit) = self.next() => self.let_in(stream, permit, graceful.watcher()),
                _ = stopping.changed() => break,
            }
        }
        drop(self.listener);
        // Those that do not end in time end with the process.
        let _ = timeout(LAST_REQUESTS, graceful.shutdown()).await;
    }

    /// The next connection that there is room for.
    async fn next(&self) -> (Stream, OwnedSemaphorePermit) {
        let room = Arc::clone(&self.room);
        let permit = room.acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok(stream) => return (stream, permit),
                Err(_) => sleep(AFTER_FAILURE).await,
            }
        }
    }

    fn let_in(&self, stream: Stream, permit: OwnedSemaphorePermit, watcher: Watcher) {
        let (desk, router) = (Arc::clone(&self.desk), self.router.clone());
        tokio::spawn(async move {
            let _permit = permit;
            desk.metrics.connections.inc();
            match stream {
                Stream::Tcp(stream) => serve(stream, router, watcher).await,
                Stream::Unix(stream) => serve(stream, router, watcher).await,
            }
            desk.metrics.connections.dec();
        });
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    watcher: Watcher,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(SLOWEST_HEAD)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_FIELDS);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A connection that broke is the client's to know of.
    let _ = watcher.watch(connection).await;
}
