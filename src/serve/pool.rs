//! Threads that are all started before the first request, so that none is missing later.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::sync::oneshot;

use super::lock::locked;
use crate::key::HashMemory;

/// How much the threads that compute hashes yield to others that want the processor (nice(2)):
/// a flood of wrong secrets keeps them busy, and requests with valid ones must not notice.
const NICENESS: i32 = 10;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A fixed number of threads and a queue of jobs for them. Each thread keeps a state of its own
/// from job to job.
#[derive(Debug)]
pub(super) struct Pool<S> {
    jobs: Sender<Job<S>>,
}

/// Computes hashes. Each thread keeps its block of memory, so that what they take is bounded
/// however many wait.
pub(super) type Hashers = Pool<HashMemory>;

/// Reads files.
pub(super) type Readers = Pool<()>;

impl Hashers {
    /// Starts so many threads, behind everybody else.
    pub(super) fn hashing(count: usize) -> io::Result<Self> {
        Self::start("hasher", count, || {
            // Without that right the threads are as everybody else.
            let _ = rustix::process::nice(NICENESS);
            HashMemory::default()
        })
    }
}

impl<S: 'static> Pool<S> {
    /// Starts so many threads, each with the state that it begins with.
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

    /// Runs a job in its turn; `None` if it was never run.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, outcome) = oneshot::channel();
        let job: Job<S> = Box::new(move |state| {
            // Whoever hung up meanwhile is spared the work.
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
