//! Rows as they arrive.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_util::Stream;
use tokio_postgres::{Error, Row, RowStream};

/// How many rows are taken from the connection at once.
const CHUNK: usize = 256;

/// The rows of a query that is being read.
#[derive(Default)]
pub(super) struct ArrivingRows {
    /// Those that have arrived.
    ready: VecDeque<Row>,
    /// The others; the connection can do nothing else before they have arrived.
    rest: Option<Pin<Box<RowStream>>>,
}

impl ArrivingRows {
    pub(super) fn new(rows: RowStream) -> Self {
        Self {
            ready: VecDeque::new(),
            rest: Some(Box::pin(rows)),
        }
    }

    /// The next row, if it has arrived.
    pub(super) fn next(&mut self) -> Option<Row> {
        self.ready.pop_front()
    }

    /// Whether all have arrived.
    pub(super) fn is_complete(&self) -> bool {
        self.rest.is_none()
    }

    /// Waits for some rows, or the end.
    pub(super) async fn receive(&mut self) -> Result<(), Error> {
        let Some(rest) = &mut self.rest else {
            return Ok(());
        };
        let ready = &mut self.ready;
        let most = ready.len() + CHUNK;
        let is_more = poll_fn(|context| {
            let before = ready.len();
            while ready.len() < most {
                match rest.as_mut().poll_next(context) {
                    Poll::Ready(Some(row)) => ready.push_back(row?),
                    Poll::Ready(None) => return Poll::Ready(Ok(false)),
                    Poll::Pending if ready.len() == before => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            Poll::Ready(Ok(true))
        });
        let is_more = is_more.await;
        if !matches!(is_more, Ok(true)) {
            self.rest = None;
        }
        is_more.map(|_| ())
    }
}
