//! `serve`: answers over HTTP whether a key is good, to gateways, applications and Dovecot.
//!
//! Knows no terminal and prints nothing; what is to be told, it hands to its caller.

mod asked;
mod connections;
mod gate;
mod hashers;
mod http;
mod listen;
mod mail;
mod meter;
mod metrics;
mod source;
mod throttle;
mod turns;
mod workers;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;
use sd_notify::NotifyState;
use tokio::runtime::{Builder, Runtime};
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::process;
use crate::settings::{Listen, Permissions};
use crate::vault;
use gate::Gate;
use hashers::Hashers;
use http::Desk;
use listen::Listeners;
use meter::Meter;
use metrics::Metrics;
use source::Source;
use workers::Workers;

/// How often use is recorded.
const RECORDED_EVERY: Duration = Duration::from_secs(1);

/// How many threads read the vault.
const READERS: usize = 4;

/// What is served, and where.
#[derive(Debug)]
pub struct Config {
    /// The vault's file.
    pub vault: PathBuf,
    /// How long to wait for a busy vault.
    pub wait: Duration,
    /// Where to listen, unless systemd passes a socket.
    pub listen: Listen,
    /// What permissions allow.
    pub permissions: Permissions,
}

/// What an operator may want to know while it runs.
#[derive(Debug)]
pub enum Notice {
    /// It is ready at these addresses.
    Listening(String),
    /// The vault cannot be read, and so nothing is accepted.
    VaultLost(String),
    /// It can be read again.
    VaultBack,
    /// Use cannot be recorded.
    UsageLost(String),
    /// It can be recorded again.
    UsageBack,
    /// It was told to stop.
    Stopping,
}

/// Whom notices are handed to.
pub type Tell = Arc<dyn Fn(Notice) + Send + Sync>;

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
    /// systemd passed a socket that other machines can reach.
    #[error("the socket that was passed listens on {0}, which other machines can reach")]
    NotLoopback(SocketAddr),
    /// systemd passed something else than a listening stream socket.
    #[error("what was passed is not a listening stream socket")]
    NotASocket,
    /// The system refused.
    #[error("the system refused: {0}")]
    System(io::Error),
}

/// Serves until the process is told to stop by SIGTERM or SIGINT.
///
/// # Errors
/// Why it cannot begin.
pub fn run(config: Config, tell: Tell) -> Result<(), Error> {
    let desk = Arc::new(open(&config, tell)?);
    let runtime = runtime()?;
    let outcome = runtime.block_on(serve(&config.listen, Arc::clone(&desk)));
    // What was counted by requests that were answered at the very end.
    let flushed = desk.meter.flush_all(&desk.source);
    if let Err(error) = flushed {
        (desk.tell)(Notice::UsageLost(error.to_string()));
    }
    runtime.shutdown_background();
    outcome
}

fn open(config: &Config, tell: Tell) -> Result<Desk, Error> {
    let source = Arc::new(Source::open(config.vault.clone(), config.wait)?);
    let meter = Arc::new(Meter::new());
    let cores = available_parallelism().map_or(1, usize::from);
    let hashers = Hashers::start(cores).map_err(Error::System)?;
    let mut key = [0; 32];
    SysRng
        .try_fill_bytes(&mut key)
        .map_err(|error| Error::System(io::Error::other(error)))?;
    let permissions = config.permissions.clone();
    let metrics = Metrics::new();
    metrics.vault_up.set(1);
    Ok(Desk {
        gate: Gate::new(
            Arc::clone(&source),
            Arc::clone(&meter),
            permissions,
            hashers,
            &key,
        ),
        source,
        meter,
        metrics,
        tell,
        workers: Workers::start(cores, READERS).map_err(Error::System)?,
        is_vault_up: AtomicBool::new(true),
    })
}

fn runtime() -> Result<Runtime, Error> {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().max_blocking_threads(READERS);
    builder.build().map_err(Error::System)
}

async fn serve(listen: &Listen, desk: Arc<Desk>) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::System)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::System)?;
    let outlives_terminal = process::outlives_terminal();
    let mut hangup = signal(SignalKind::hangup()).map_err(Error::System)?;
    let mut listeners = Listeners::open(listen)?;
    let addresses = listeners.addresses();
    let (stop, stopping) = watch::channel(());
    let mut accepting = connections::accept(listeners.take(), &desk, &stopping);
    let recorder = tokio::spawn(record(Arc::clone(&desk), stopping));
    (desk.tell)(Notice::Listening(addresses));
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup.recv(), if !outlives_terminal => {}
    }
    (desk.tell)(Notice::Stopping);
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    drop(stop);
    while accepting.join_next().await.is_some() {}
    // What it is about to record has been taken out of what is counted: let it.
    let _ = recorder.await;
    Ok(())
}

/// Records use once a second until `stopping` is closed, and tells when that fails and when it
/// succeeds again.
async fn record(desk: Arc<Desk>, mut stopping: watch::Receiver<()>) {
    let mut ticks = interval(RECORDED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_up = true;
    loop {
        select! {
            _ = ticks.tick() => {}
            _ = stopping.changed() => return,
        }
        let to_record = Arc::clone(&desk);
        let recorded = spawn_blocking(move || {
            to_record.meter.forget_idle();
            to_record.meter.flush(&to_record.source)
        });
        // It is only not run when the runtime is about to end.
        let Ok(recorded) = recorded.await else { return };
        match &recorded {
            Ok(()) if !is_up => (desk.tell)(Notice::UsageBack),
            Err(error) if is_up => (desk.tell)(Notice::UsageLost(error.to_string())),
            _ => {}
        }
        is_up = recorded.is_ok();
        if !is_up {
            desk.metrics.lost_records.inc();
        }
    }
}
