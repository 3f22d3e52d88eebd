//! The threads that compute hashes: as many as there are cores, and behind everybody else.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::key::HashMemory;

/// How much the threads yield to others that want the processor (nice(2)): a flood of wrong
/// secrets keeps them busy, and requests with good ones must not notice.
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce(&mut HashMemory) + Send>;

/// A queue of hashes to be computed. Each thread keeps its block of memory, so that what they
/// take is bounded however many wait.
#[derive(Debug)]
pub(super) struct Hashers {
    jobs: Sender<Job>,
}

impl Hashers {
    /// Starts so many threads.
    ///
    /// # Errors
    /// If the system has no more threads.
    pub(super) fn start(count: usize) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..count {
            let queue = Arc::clone(&queue);
            let thread = thread::Builder::new().name("hasher".to_owned());
            thread.spawn(move || work(&queue))?;
        }
        Ok(Self { jobs })
    }

    /// Runs work with a block of memory, in its turn; `None` if it was never run.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, outcome) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            // Whoever hung up meanwhile is spared the work.
            if !done.is_closed() {
                let _ = done.send(work(memory));
            }
        });
        self.jobs.send(job).ok()?;
        outcome.await.ok()
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    // Without that right the threads are as everybody else.
    let _ = rustix::process::nice(NICENESS);
    let mut memory = HashMemory::default();
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(job) = next() {
        job(&mut memory);
    }
}
