//! Threads that are all started before the first request, so that none can fail to start later.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::sync::oneshot;

use super::lock::locked;
use crate::key::HashMemory;

/// The niceness of hashing threads (nice(2)): a flood of wrong secrets keeps them busy, and must
/// not delay requests with valid ones.
const NICENESS: i32 = 10;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A fixed number of threads with a queue of jobs. Each thread keeps its own state between jobs.
#[derive(Debug)]
pub(super) struct Pool<S> {
    jobs: Sender<Job<S>>,
}

/// Computes hashes. Each thread keeps its block of memory, so that their total memory is bounded.
pub(super) type Hashers = Pool<HashMemory>;

/// Reads files.
pub(super) type Readers = Pool<()>;

impl Hashers {
    /// Starts this many threads with low priority.
    pub(super) fn hashing(count: usize) -> io::Result<Self> {
        Self::start("hasher", count, || {
            // Without permission for that, the threads have normal priority.
            let _ = rustix::process::nice(NICENESS);
            HashMemory::default()
        })
    }
}

impl<S: 'static> Pool<S> {
    /// Starts this many threads, each with its initial state.
    pub(super) fn start(name: &str, count: usize, begin: fn() -> S) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..count {
            let queue = Arc::clone(&queue);
            let thread = thread::Builder::new().name(name.to_owned());
            thread.spawn(move || work(&queue, begin()))?;
        }
        Ok(Self { jobs })
    }

    /// Queues a job and waits for it; `None` if it was never run.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, outcome) = oneshot::channel();
        let job: Job<S> = Box::new(move |state| {
            // Skips the work if the caller has disconnected.
            if !done.is_closed() {
                let _ = done.send(work(state));
            }
        });
        self.jobs.send(job).ok()?;
        outcome.await.ok()
    }
}

fn work<S>(queue: &Mutex<Receiver<Job<S>>>, mut state: S) {
    let next = || locked(queue).recv();
    while let Ok(job) = next() {
        job(&mut state);
    }
}
