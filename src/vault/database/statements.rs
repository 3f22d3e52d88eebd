//! Statements on a connection.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_postgres::{Client, Row, Statement};

use super::address::DatabaseAddress;
use super::failure;
use super::fault::DatabaseFault;
use super::options::DatabaseOptions;
use super::rows::ArrivingRows;
use super::session::{Connector, Session};
use super::value::Parameter;
use crate::vault::Error;

/// How long the server may work on a statement, beyond the wait for a lock, before it answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How many prepared statements are kept.
const MAX_PREPARED: usize = 256;

/// A database, connected to its primary.
pub(in crate::vault) struct Database {
    /// Dropped before the runtime.
    pub(super) session: RefCell<Option<Session>>,
    prepared: RefCell<HashMap<String, Statement>>,
    /// The queries that are being read, each within the one before.
    reading: RefCell<Vec<ArrivingRows>>,
    pub(super) transaction: Cell<TransactionState>,
    /// The server that is connected to.
    server: Cell<usize>,
    pub(super) wait: Cell<Duration>,
    pub(super) runtime: Runtime,
    address: DatabaseAddress,
    options: DatabaseOptions,
}

/// Whether the connection is in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionState {
    /// It is not.
    None,
    /// It is.
    Open,
    /// It is in one in which a statement failed, so that it can only be rolled back.
    Failed,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.address)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.disconnect();
    }
}

impl Database {
    /// Connects to the database's primary; waits for a lock up to `wait`, and as long for a server,
    /// but from 1 to 30 s.
    ///
    /// # Errors
    /// If no server can be reached, none is the primary, or it does not accept the connection.
    pub(in crate::vault) fn connect(
        address: &DatabaseAddress,
        options: &DatabaseOptions,
        wait: Duration,
    ) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let database = Self {
            session: RefCell::default(),
            prepared: RefCell::default(),
            reading: RefCell::default(),
            transaction: Cell::new(TransactionState::None),
            server: Cell::new(0),
            wait: Cell::new(wait),
            runtime: runtime.map_err(DatabaseFault::NoFiles)?,
            address: address.clone(),
            options: options.clone(),
        };
        database.connect_from(0)?;
        Ok(database)
    }

    fn connect_from(&self, first: usize) -> Result<(), Error> {
        self.disconnect();
        let connector = Connector {
            runtime: &self.runtime,
            address: &self.address,
            options: &self.options,
            wait: self.wait.get(),
        };
        let (session, server) = connector.connect(first)?;
        self.server.set(server);
        *self.session.borrow_mut() = Some(session);
        Ok(())
    }

    /// Connects anew, to another server first: the last one may no longer be the primary.
    pub(super) fn reconnect(&self) -> Result<(), Error> {
        self.connect_from(self.server.get() + 1)
    }

    pub(super) fn disconnect(&self) {
        self.prepared.borrow_mut().clear();
        self.reading.borrow_mut().clear();
        self.transaction.set(TransactionState::None);
        if let Some(session) = self.session.take() {
            self.runtime.block_on(session.close());
        }
    }

    /// The database's address.
    pub(in crate::vault) fn address(&self) -> &DatabaseAddress {
        &self.address
    }

    /// Limits how long a statement waits for a lock from now on.
    pub(in crate::vault) fn set_wait(&self, wait: Duration) -> Result<(), Error> {
        self.wait.set(wait);
        let limit = wait.as_millis().clamp(1, i32::MAX as u128);
        self.batch(&format!("SET lock_timeout = {limit}"))
    }

    /// Runs a statement with `$1`, `$2`…; returns how many rows it changed.
    pub(in crate::vault) fn execute(&self, sql: &str, values: &[Value]) -> Result<usize, Error> {
        let (client, statement) = self.prepared(sql)?;
        let changed = client.execute_raw(&statement, values.iter().map(Parameter));
        let changed = self.answer(changed)?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// Runs a query and calls `take` with each row until it returns `false`; `take` may use the
    /// database. The rows are not kept, unless `take` does: then the rest is read into memory.
    pub(in crate::vault) fn each<E: From<Error>>(
        &self,
        sql: &str,
        values: &[Value],
        mut take: impl FnMut(&Row) -> Result<bool, E>,
    ) -> Result<(), E> {
        let (client, statement) = self.prepared(sql)?;
        let rows = self.answer(client.query_raw(&statement, values.iter().map(Parameter)))?;
        let reading = RowCursor::begin(self, ArrivingRows::new(rows));
        while let Some(row) = reading.next()? {
            if !take(&row)? {
                break;
            }
        }
        Ok(())
    }

    /// Runs statements without values. Of those that begin or end a transaction, each is run
    /// alone.
    pub(in crate::vault) fn batch(&self, sql: &str) -> Result<(), Error> {
        let after = state_after(sql);
        let client = match self.client() {
            // The server has rolled it back already.
            Err(_) if after == Some(TransactionState::None) => {
                self.transaction.set(TransactionState::None);
                return Ok(());
            }
            client => client?,
        };
        self.answer(client.batch_execute(sql))?;
        if let Some(state) = after {
            self.transaction.set(state);
        }
        Ok(())
    }

    /// The time of the database's clock, in whole seconds.
    pub(in crate::vault) fn clock(&self) -> Result<Timestamp, Error> {
        let query = "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint";
        let mut seconds = 0;
        self.each(query, &[], |row| {
            seconds = super::value::integer(row, 0)?;
            Ok::<_, Error>(false)
        })?;
        Timestamp::from_second(seconds).map_err(|error| {
            let message = format!("its clock is wrong: {error}");
            DatabaseFault::Protocol(message).into()
        })
    }

    /// A statement as the server prepared it, once for a connection.
    fn prepared(&self, sql: &str) -> Result<(Arc<Client>, Statement), Error> {
        let client = self.client()?;
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok((client, statement.clone()));
        }
        let statement = self.answer(client.prepare(sql))?;
        let mut prepared = self.prepared.borrow_mut();
        if prepared.len() >= MAX_PREPARED {
            prepared.clear();
        }
        prepared.insert(sql.to_owned(), statement.clone());
        Ok((client, statement))
    }

    /// The connection, ready for a statement; made anew if it was lost between transactions.
    pub(super) fn client(&self) -> Result<Arc<Client>, Error> {
        self.receive_all()?;
        // The connection's task sees only now that the server has ended it.
        self.runtime.block_on(async {
            yield_now().await;
            yield_now().await;
        });
        if let Some(client) = self.open_client() {
            return Ok(client);
        }
        if self.transaction.get() != TransactionState::None {
            let why = self.take_warning();
            let why = why.unwrap_or_else(|| "it was closed".to_owned());
            return Err(DatabaseFault::Lost(why).into());
        }
        self.reconnect()?;
        let client = self.open_client();
        client.ok_or_else(|| DatabaseFault::Lost("it was closed".to_owned()).into())
    }

    fn open_client(&self) -> Option<Arc<Client>> {
        let session = self.session.borrow();
        let client = &session.as_ref()?.client;
        (!client.is_closed()).then(|| Arc::clone(client))
    }

    /// The server's last warning, or why it ended the connection; it is forgotten.
    pub(super) fn take_warning(&self) -> Option<String> {
        self.session.borrow().as_ref()?.take_warning()
    }

    /// Waits for the server's answer.
    pub(super) fn answer<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        let limit = self.wait.get() + ANSWER_TIMEOUT;
        match self
            .runtime
            .block_on(async { timeout(limit, answer).await })
        {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if self.transaction.get() == TransactionState::Open {
                    self.transaction.set(TransactionState::Failed);
                }
                Err(failure::of_statement(&error))
            }
            Err(_) => {
                self.give_up();
                Err(DatabaseFault::Silent(limit).into())
            }
        }
    }

    /// Cancels the statement that is not answered, and ends the connection.
    pub(super) fn give_up(&self) {
        if let Some(session) = self.session.borrow().as_ref() {
            self.runtime.block_on(session.cancel());
        }
        let state = self.transaction.get();
        self.disconnect();
        // The transaction is lost, not done.
        if state != TransactionState::None {
            self.transaction.set(TransactionState::Failed);
        }
    }

    /// Reads the rest of the rows that are on their way: nothing else could arrive before them.
    fn receive_all(&self) -> Result<(), Error> {
        let Some(mut last) = self.reading.borrow_mut().pop() else {
            return Ok(());
        };
        let mut received = Ok(());
        while received.is_ok() && !last.is_complete() {
            received = self.answer(last.receive());
        }
        if received.is_ok() {
            self.reading.borrow_mut().push(last);
        }
        received
    }
}

/// The state after a statement that begins a transaction or rolls it back.
fn state_after(sql: &str) -> Option<TransactionState> {
    let words = sql.split_whitespace().take(2);
    let words: Vec<String> = words.map(str::to_ascii_uppercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["BEGIN", ..] | ["ROLLBACK", "TO"] => Some(TransactionState::Open),
        ["ROLLBACK", ..] => Some(TransactionState::None),
        _ => None,
    }
}

/// A query that is being read, until it is dropped.
struct RowCursor<'a> {
    database: &'a Database,
    depth: usize,
}

impl<'a> RowCursor<'a> {
    fn begin(database: &'a Database, rows: ArrivingRows) -> Self {
        let mut reading = database.reading.borrow_mut();
        reading.push(rows);
        let depth = reading.len();
        Self { database, depth }
    }

    fn next(&self) -> Result<Option<Row>, Error> {
        loop {
            let (row, is_complete) = {
                let mut reading = self.database.reading.borrow_mut();
                // A lost connection ends all of them.
                let Some(rows) = reading.get_mut(self.depth - 1) else {
                    return Err(DatabaseFault::Lost("it was made anew".to_owned()).into());
                };
                (rows.next(), rows.is_complete())
            };
            if row.is_some() || is_complete {
                return Ok(row);
            }
            self.receive()?;
        }
    }

    fn receive(&self) -> Result<(), Error> {
        let rows = self.database.reading.borrow_mut().pop();
        let Some(mut rows) = rows else { return Ok(()) };
        let received = self.database.answer(rows.receive());
        if received.is_ok() {
            self.database.reading.borrow_mut().push(rows);
        }
        received
    }
}

impl Drop for RowCursor<'_> {
    fn drop(&mut self) {
        self.database.reading.borrow_mut().truncate(self.depth - 1);
    }
}
