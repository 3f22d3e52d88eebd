//! A connection to the server that is the primary.

use std::future::poll_fn;
use std::net::ToSocketAddrs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{DatabaseAddress, DatabaseServer};
use super::failure;
use super::fault::DatabaseFault;
use super::options::DatabaseOptions;

/// The limits of the time for a connection.
const CONNECT_TIMEOUT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How long to wait for a request to cancel a statement, and for a connection's end.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a transaction may do nothing before the server ends it, in milliseconds: others wait
/// for its lock.
const IDLE_IN_TRANSACTION: u32 = 10_000;

/// A connection.
pub(super) struct Session {
    pub(super) client: Arc<Client>,
    /// The last warning of the server, or why the connection ended.
    warning: Warning,
    task: JoinHandle<()>,
    tls: Option<MakeRustlsConnect>,
}

type Warning = Arc<Mutex<Option<String>>>;

/// What a connection is made with.
pub(super) struct Connector<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) address: &'a DatabaseAddress,
    pub(super) options: &'a DatabaseOptions,
    pub(super) wait: Duration,
}

impl Connector<'_> {
    /// Connects to the primary; tries the servers in turn, beginning with one of them. Returns
    /// which one it is.
    pub(super) fn connect(&self, first: usize) -> Result<(Session, usize), DatabaseFault> {
        let servers = &self.address.servers;
        let (mut hosts, mut definite) = (Vec::new(), None);
        for index in (first..first + servers.len()).map(|index| index % servers.len()) {
            let server = &servers[index];
            match self.connect_to(server) {
                Ok(session) => return Ok((session, index)),
                Err(Ok(fault)) => definite = definite.or(Some(fault)),
                Err(Err(why)) => hosts.push(format!("`{server}`: {why}")),
            }
        }
        Err(definite.unwrap_or_else(|| DatabaseFault::Unreachable {
            database: self.address.database.clone(),
            hosts,
        }))
    }

    /// The error is a fault that says all, or only a reason for the list.
    fn connect_to(
        &self,
        server: &DatabaseServer,
    ) -> Result<Session, Result<DatabaseFault, String>> {
        let mut config = self.config(server).map_err(Ok)?;
        if server.is_socket() {
            config.host_path(&server.host).ssl_mode(SslMode::Disable);
            return self.attempt(&config, NoTls, None, server);
        }
        // Not by tokio, which would start a thread for it.
        let found = (server.host.as_str(), server.port).to_socket_addrs();
        let found = found.map_err(|error| Err(error.to_string()))?;
        let is_local = server.is_local();
        let ips = found.map(|address| address.ip());
        let ips = ips.filter(|ip| !is_local || ip.is_loopback());
        let is_clear = is_local && !self.options.wants_tls();
        let mut failed = Err("it has no IP address".to_owned());
        let tls = match is_clear {
            true => None,
            false => Some(super::tls::verified(self.options).map_err(Ok)?),
        };
        for ip in ips {
            let mut config = config.clone();
            config.host(&server.host).hostaddr(ip);
            let made = match tls.clone() {
                None => {
                    config.ssl_mode(SslMode::Disable);
                    self.attempt(&config, NoTls, None, server)
                }
                Some(tls) => {
                    config.ssl_mode(SslMode::Require);
                    self.attempt(&config, tls.clone(), Some(tls), server)
                }
            };
            match made {
                Ok(session) => return Ok(session),
                Err(fault) => failed = fault,
            }
        }
        Err(failed)
    }

    /// What is the same for each server's address.
    fn config(&self, server: &DatabaseServer) -> Result<Config, DatabaseFault> {
        let timeout = self.timeout();
        let lock_timeout = self.wait.as_millis().clamp(1, i32::MAX as u128);
        let mut config = Config::new();
        config
            .port(server.port)
            .dbname(&self.address.database)
            .application_name("postkey")
            .options(format!(
                "-c synchronous_commit=on -c search_path=postkey,pg_temp \
                 -c lock_timeout={lock_timeout} \
                 -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION}"
            ))
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(timeout)
            .tcp_user_timeout(timeout)
            .keepalives_idle(timeout);
        if let Some(user) = &self.address.user {
            config.user(user);
        }
        if let Some(password) = self.options.password()? {
            config.password(password.as_bytes());
        }
        Ok(config)
    }

    fn timeout(&self) -> Duration {
        self.wait.clamp(CONNECT_TIMEOUT.0, CONNECT_TIMEOUT.1)
    }

    fn attempt<T>(
        &self,
        config: &Config,
        tls: T,
        own_tls: Option<MakeRustlsConnect>,
        server: &DatabaseServer,
    ) -> Result<Session, Result<DatabaseFault, String>>
    where
        T: MakeTlsConnect<Socket, Stream: Send + 'static, TlsConnect: Send>,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let limit = self.timeout();
        let made = async { timeout(limit, config.connect(tls)).await };
        let (client, mut connection) = match self.runtime.block_on(made) {
            Ok(Ok(made)) => made,
            Ok(Err(error)) => {
                let shown = server.to_string();
                return Err(failure::of_connecting(
                    &error,
                    &shown,
                    &self.address.database,
                ));
            }
            Err(_) => return Err(Err(format!("no answer in {}s", limit.as_secs_f64()))),
        };
        let warning = Warning::default();
        let noted = Arc::clone(&warning);
        let task = self.runtime.spawn(async move {
            let note = |said: String| {
                *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
            };
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                match message {
                    Ok(AsyncMessage::Notice(notice)) if is_warning(&notice) => {
                        note(failure::text(&notice));
                    }
                    Ok(_) => {}
                    Err(error) => return note(failure::last_words(&error)),
                }
            }
        });
        Ok(Session {
            client: Arc::new(client),
            warning,
            task,
            tls: own_tls,
        })
    }
}

impl Session {
    /// The last warning of the server, or why the connection ended; it is forgotten.
    pub(super) fn take_warning(&self) -> Option<String> {
        let mut warning = self.warning.lock().unwrap_or_else(PoisonError::into_inner);
        warning.take()
    }

    /// Asks the server to end the statement that runs; whether it does is not known.
    pub(super) async fn cancel(&self) {
        let token = self.client.cancel_token();
        let _ = match self.tls.clone() {
            Some(tls) => timeout(CANCEL_TIMEOUT, token.cancel_query(tls)).await,
            None => timeout(CANCEL_TIMEOUT, token.cancel_query(NoTls)).await,
        };
    }

    /// Ends the connection; tells the server, unless a statement still waits for its answer.
    pub(super) async fn close(self) {
        match Arc::into_inner(self.client) {
            None => self.task.abort(),
            Some(client) => {
                drop(client);
                let _ = timeout(CANCEL_TIMEOUT, self.task).await;
            }
        }
    }
}

fn is_warning(notice: &DbError) -> bool {
    notice.parsed_severity() == Some(Severity::Warning)
}
