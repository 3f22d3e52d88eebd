//! Commits, whose outcome may be unknown.

use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_postgres::error::{DbError, Severity};

use super::failure;
use super::fault::DatabaseFault;
use super::statements::{Database, TransactionState};
use crate::vault::Error;

/// The least time for a commit, whatever the wait for locks is.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// How long to wait for the answer to a commit after its wait was cancelled.
const CANCELLED_WAIT: Duration = Duration::from_secs(1);

/// How long to wait before another attempt to reconnect.
const RETRY: Duration = Duration::from_millis(200);

/// Locks the head of the log, which every change does. It waits for a change whose connection was
/// lost, and writes to the server's own log, so that the commit is one that a standby confirms.
const LOCK_HEAD: &str = "SELECT sequence FROM log_head FOR UPDATE";

/// Why a commit did not succeed.
#[derive(Debug)]
pub(in crate::vault) enum CommitFault {
    /// Nothing was committed.
    Failed(Error),
    /// It may have been committed, or may be lost later: why that is unknown.
    Unknown(String),
}

impl Database {
    /// Commits the transaction, within the time for locks.
    pub(in crate::vault) fn commit(&self) -> Result<(), CommitFault> {
        let failed = CommitFault::Failed;
        if self.transaction.get() != TransactionState::Open {
            // The server would roll it back, and report no error.
            let _ = self.batch("ROLLBACK");
            return Err(failed(DatabaseFault::Aborted.into()));
        }
        let client = self.client().map_err(|error| {
            let _ = self.batch("ROLLBACK");
            failed(error)
        })?;
        self.take_warning();
        let limit = self.wait.get().max(LEAST_WAIT);
        let mut answer = pin!(client.batch_execute("COMMIT"));
        let answered = async { timeout(limit, &mut answer).await };
        let answered = self.runtime.block_on(answered);
        let Ok(answered) = answered else {
            let why = format!(
                "the database did not confirm it in {}s",
                limit.as_secs_f64()
            );
            self.cancel_commit(answer);
            return Err(CommitFault::Unknown(why));
        };
        self.transaction.set(TransactionState::None);
        match answered {
            // The wait for a standby was cancelled, which is no error for the server.
            Ok(()) => self
                .take_warning()
                .map_or(Ok(()), |why| Err(CommitFault::Unknown(why))),
            Err(error) if error.as_db_error().is_some_and(is_definite) => {
                Err(failed(failure::of_statement(&error)))
            }
            Err(error) => {
                let why = self.take_warning();
                let why = why.unwrap_or_else(|| failure::cause(&error));
                self.disconnect();
                Err(CommitFault::Unknown(format!(
                    "the connection was lost: {why}"
                )))
            }
        }
    }

    /// Finds out what became of a change, after [`CommitFault::Unknown`]: connects anew, waits
    /// until the change is over, and lets `look` tell. What it saw counts only because another
    /// commit was confirmed after it.
    ///
    /// # Errors
    /// If that is not possible within the time for locks: the outcome remains unknown.
    pub(in crate::vault) fn settle<T>(
        &self,
        look: impl FnOnce(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.reconnect_within(self.wait.get().max(LEAST_WAIT))?;
        self.batch("BEGIN")?;
        let found = self.execute(LOCK_HEAD, &[]).and_then(|_| look(self));
        let committed = self.commit().map_err(|fault| match fault {
            CommitFault::Failed(error) => error,
            CommitFault::Unknown(why) => Error::Unsure(why),
        });
        let found = found?;
        committed.map(|()| found)
    }

    fn reconnect_within(&self, limit: Duration) -> Result<(), Error> {
        let end = Instant::now() + limit;
        loop {
            match self.reconnect() {
                Err(_) if Instant::now() + RETRY < end => thread::sleep(RETRY),
                outcome => return outcome,
            }
        }
    }

    /// Ends the server's wait for a standby, so that others need not wait for its locks.
    fn cancel_commit(&self, answer: impl Future<Output = Result<(), tokio_postgres::Error>>) {
        if let Some(session) = self.session.borrow().as_ref() {
            self.runtime.block_on(async {
                session.cancel().await;
                let _ = timeout(CANCELLED_WAIT, answer).await;
            });
        }
        self.disconnect();
    }
}

/// Whether an error of the server means that nothing was committed; one that ends the connection
/// may also come after the commit.
fn is_definite(error: &DbError) -> bool {
    !failure::is_unavailable(error.code().code())
        && error.parsed_severity() == Some(Severity::Error)
}
