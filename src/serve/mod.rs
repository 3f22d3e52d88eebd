//! `serve`: answers over HTTP whether a key is valid, for gateways, applications and mail servers.
//!
//! Uses no terminal and prints nothing; passes messages to its caller.

mod app;
mod auth_request;
mod authorizer;
mod connections;
mod cors;
mod credentials;
mod ended_terms;
mod error;
mod http;
mod key_usage;
mod listen;
mod lock;
mod login;
mod mail;
mod metrics;
mod notice;
mod per_key_queue;
mod policy;
mod pool;
mod refusal;
mod shared_wait;
mod signals;
mod throttle;
mod token;
mod usage_recorder;
mod usage_writer;
mod vault_handle;
mod workers;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::process;
use crate::settings::{self, Listen, Origins, Permissions, Retention};
use app::App;
use authorizer::Authorizer;
use connections::Listening;
pub use credentials::CredentialReader;
use ended_terms::EndedTerms;
pub use error::Error;
use listen::Listeners;
use metrics::Metrics;
pub use notice::{Notice, Notify};
use pool::{Hashers, Pool, Readers};
use signals::Signals;
pub use token::ensure as ensure_token;
use usage_recorder::UsageRecorder;
use usage_writer::UsageWriter;
use vault_handle::VaultHandle;
use workers::Workers;

/// How many threads read the vault.
const READER_THREADS: usize = 4;

/// How many descriptors are needed besides connections, and how many more for each core, which has
/// one thread for connections and one for hashing.
const DESCRIPTORS: (usize, usize) = (40, 8);

/// The minimum number of connections to start with.
const MIN_CONNECTIONS: usize = 8;

/// What to serve, and where.
#[derive(Debug)]
pub struct ServeConfig {
    /// The vault's file.
    pub vault: PathBuf,
    /// How long to wait for a locked vault.
    pub wait: Duration,
    /// Where to listen for Postfix's policy requests, if at all.
    pub listen_policy: Option<Listen>,
    /// Where to listen, unless systemd passes a socket.
    pub listen: Listen,
    /// For how many days usage is kept.
    pub retention: Retention,
    /// The permissions and their rules.
    pub permissions: Permissions,
    /// The headers in which a key is accepted.
    pub credentials: settings::Credentials,
    /// The web pages that may call the API from a browser.
    pub cors_origins: Origins,
}

/// Serves until SIGTERM or SIGINT.
pub fn run(config: ServeConfig, notify: Notify) -> Result<(), Error> {
    let cores = available_parallelism().map_or(1, usize::from);
    let max_connections = max_connections(cores)?;
    let app = Arc::new(open(&config, cores, notify)?);
    app.authorizer.warm_up();
    let usage_writer = UsageWriter::start(Arc::clone(&app)).map_err(Error::Thread)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::System)?;
    let outcome = runtime.block_on(serve(&config, max_connections, &app));
    usage_writer.end();
    // Records the last requests.
    let flushed = app.usage_recorder.flush_all(&app.source);
    if let Err(error) = flushed {
        (app.notify)(Notice::UsageLost(error.to_string()));
    }
    outcome
}

/// How many connections the descriptors allow, after raising the limit on open files.
fn max_connections(cores: usize) -> Result<usize, Error> {
    let limit = process::raise_open_files();
    let (others, each) = DESCRIPTORS;
    let needed = process::open_files() + others + each * cores;
    match limit
        .saturating_sub(needed)
        .min(connections::MAX_CONNECTIONS)
    {
        max_connections if max_connections < MIN_CONNECTIONS => Err(Error::TooFewFiles(limit)),
        max_connections => Ok(max_connections),
    }
}

/// Opens the vault and starts every thread, since the system may refuse more later.
fn open(config: &ServeConfig, cores: usize, notify: Notify) -> Result<App, Error> {
    let source = Arc::new(VaultHandle::open(config.vault.clone(), config.wait)?);
    let usage_recorder = Arc::new(UsageRecorder::new(config.retention, &config.permissions));
    let ended = Arc::new(EndedTerms::default());
    let hashers = Hashers::hashing(cores).map_err(Error::Thread)?;
    let readers = Pool::start("reader", READER_THREADS, || ()).map_err(Error::Thread)?;
    let readers: Arc<Readers> = Arc::new(readers);
    let permissions = config.permissions.clone();
    let metrics = Metrics::new();
    metrics.vault_available.set(1);
    Ok(App {
        authorizer: Authorizer::new(
            Arc::clone(&source),
            Arc::clone(&usage_recorder),
            Arc::clone(&ended),
            permissions,
            hashers,
            Arc::clone(&readers),
        ),
        credentials: CredentialReader::new(&config.credentials),
        cors_origins: config.cors_origins.clone(),
        source,
        usage_recorder,
        ended,
        metrics,
        notify,
        workers: Workers::start(cores).map_err(Error::Thread)?,
        readers,
        prober: Pool::start("prober", 1, || ()).map_err(Error::Thread)?,
        is_vault_available: AtomicBool::new(true),
        damaged: Mutex::default(),
        was_report_refused: AtomicBool::new(false),
    })
}

async fn serve(config: &ServeConfig, max_connections: usize, app: &Arc<App>) -> Result<(), Error> {
    let mut signals = Signals::catch().map_err(Error::System)?;
    let mut http = Listeners::open_or_inherit(&config.listen)?;
    let policy = config.listen_policy.as_ref().map(Listeners::open);
    let mut policy = policy.transpose()?;
    let mut addresses = http.addresses();
    if let Some(policy) = &policy {
        addresses += &format!(", and on {} for Postfix", policy.addresses());
    }
    let listeners = Listening {
        http: http.take(),
        policy: policy.as_mut().map(Listeners::take).unwrap_or_default(),
    };
    let (stop, stopping) = watch::channel(());
    let mut accepting = connections::accept(listeners, max_connections, app, &stopping);
    drop(stopping);
    (app.notify)(Notice::Listening(addresses));
    // Fails without systemd, which then does not need it.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    signals.first().await;
    (app.notify)(Notice::Stopping);
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    drop(stop);
    while accepting.join_next().await.is_some() {}
    Ok(())
}
