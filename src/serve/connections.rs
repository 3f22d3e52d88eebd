//! Accepts connections up to a limit, serves them, and shuts them down.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::app::App;
use super::http::{reply, router};
use super::listen::{Listener, Stream};
use super::{login, policy};
use crate::process;

/// The maximum number of connections; more wait to be accepted.
pub(super) const MAX_CONNECTIONS: usize = 4096;

/// The minimum time for a client to send a request's head, and for a connection to be idle; the
/// maximum is twice that.
const HEAD_TIMEOUT: Duration = Duration::from_secs(6);

/// The maximum size of a request's head, in bytes.
const MAX_HEAD: usize = 32 << 10;

/// How long open connections may continue at shutdown.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// How long to wait after a connection could not be accepted, usually for lack of descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts connections of all listeners, up to a limit, until `stopping` is closed; then each task
/// lets its open connections finish.
pub(super) fn accept(
    listening: Listening,
    slots: usize,
    app: &Arc<App>,
    stopping: &watch::Receiver<()>,
) -> JoinSet<()> {
    let slots = Arc::new(Semaphore::new(slots));
    let everywhere = router(Arc::clone(app));
    let on_sockets = everywhere.clone().merge(login::router(Arc::clone(app)));
    let http = listening.http.into_iter().map(|listener| {
        let router = match listener {
            Listener::Tcp(_) => everywhere.clone(),
            Listener::Unix(_) => on_sockets.clone(),
        };
        (listener, Protocol::Http(router))
    });
    let policy = listening.policy.into_iter();
    let policy = policy.map(|listener| (listener, Protocol::Policy(stopping.clone())));
    let acceptors = http.chain(policy).map(|(listener, protocol)| Acceptor {
        listener,
        protocol,
        app: Arc::clone(app),
        slots: Arc::clone(&slots),
    });
    acceptors
        .map(|acceptor| acceptor.keep(stopping.clone()))
        .collect()
}

/// The listeners by what is spoken there.
pub(super) struct Listening {
    pub(super) http: Vec<Listener>,
    pub(super) policy: Vec<Listener>,
}

/// What is spoken on a listener's connections.
#[derive(Clone)]
enum Protocol {
    Http(Router),
    /// Postfix's policy delegation protocol; its connections end when this is closed.
    Policy(watch::Receiver<()>),
}

/// What a connection holds as long as it is open: its slot, and a sign that it is.
type Held = (OwnedSemaphorePermit, mpsc::Sender<()>);

/// A listener and what its connections need.
struct Acceptor {
    listener: Listener,
    app: Arc<App>,
    slots: Arc<Semaphore>,
    protocol: Protocol,
}

impl Acceptor {
    async fn keep(self, mut stopping: watch::Receiver<()>) {
        let graceful = GracefulShutdown::new();
        // Every connection holds a sender.
        let (open, mut all_closed) = mpsc::channel(1);
        loop {
            select! {
                (stream, permit) = self.next() => {
                    self.serve_connection(stream, (permit, open.clone()), graceful.watcher());
                }
                _ = stopping.changed() => break,
            }
        }
        drop(self.listener);
        // Remaining connections end with the process.
        drop(open);
        let shutdown = async {
            graceful.shutdown().await;
            all_closed.recv().await
        };
        let _ = timeout(SHUTDOWN_GRACE, shutdown).await;
    }

    /// The next connection, once there is a free slot.
    async fn next(&self) -> (Stream, OwnedSemaphorePermit) {
        let slots = Arc::clone(&self.slots);
        let permit = slots.acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok(stream) => return (stream, permit),
                Err(_) => sleep(ACCEPT_RETRY).await,
            }
        }
    }

    fn serve_connection(&self, stream: Stream, held: Held, watcher: Watcher) {
        let (app, protocol) = (Arc::clone(&self.app), self.protocol.clone());
        self.app.workers.spawn(async move {
            let _held = held;
            app.metrics.connections.inc();
            match stream {
                Stream::Tcp(stream) => {
                    serve(TcpStream::from_std(stream), &app, protocol, watcher).await
                }
                Stream::Unix(stream) => {
                    serve(UnixStream::from_std(stream), &app, protocol, watcher).await
                }
            }
            app.metrics.connections.dec();
        });
    }
}

async fn serve(
    stream: io::Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static>,
    app: &App,
    protocol: Protocol,
    watcher: Watcher,
) {
    // Without a descriptor for it, the connection is dropped.
    let Ok(stream) = stream else { return };
    match protocol {
        Protocol::Http(router) => serve_http(stream, app, &router, watcher).await,
        Protocol::Policy(stopping) => policy::serve(stream, app, stopping).await,
    }
}

async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: &App,
    router: &Router,
    watcher: Watcher,
) {
    let mut http = http1::Builder::new();
    // hyper's default is 100 fields; setting a number would allocate for each request.
    http.max_buf_size(MAX_HEAD).writev(false);
    // A client may close its sending side, and still wait for the response.
    http.half_close(true);
    let progress = ConnectionProgress::default();
    let service = service_fn(|request| {
        let under_way = progress.begin();
        let answer = reply(app, router, request);
        async move {
            let answer = answer.await;
            drop(under_way);
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(watcher.watch(connection));
    // hyper panics if HTTP has no date for the current time, even if it does not send one.
    let answered = poll_fn(|context| match process::has_http_date() {
        true => connection.as_mut().poll(context).map(drop),
        false => Poll::Ready(()),
    });
    select! {
        biased;
        // A broken connection is the client's concern.
        () = answered => {}
        () = progress.idle() => {}
    }
}

/// Tracks whether a connection makes progress, with one timer for all of its requests: hyper's own
/// is reset for each, and costs more than the requests.
#[derive(Debug, Default)]
struct ConnectionProgress {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request in progress.
struct RequestGuard<'a>(&'a ConnectionProgress);

impl ConnectionProgress {
    fn begin(&self) -> RequestGuard<'_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        RequestGuard(self)
    }

    /// Returns when no request has started or finished for some time: the client is idle, sends
    /// slowly, or does not read its response.
    async fn idle(&self) {
        let mut before = self.state();
        loop {
            sleep(HEAD_TIMEOUT).await;
            let now = self.state();
            let (begun, ended) = now;
            if now == before && begun == ended {
                return;
            }
            before = now;
        }
    }

    fn state(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.begun), read(&self.ended))
    }
}

impl Drop for RequestGuard<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}
