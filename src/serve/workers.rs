//! Threads that serve connections: each has its own, so that none waits for another.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};

/// Threads that take connections in turn.
#[derive(Debug)]
pub(super) struct Workers {
    handles: Vec<Handle>,
    next: AtomicUsize,
}

impl Workers {
    /// Starts this many threads.
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let start = |_| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let thread = thread::Builder::new().name("worker".to_owned());
            thread.spawn(move || runtime.block_on(std::future::pending::<()>()))?;
            Ok(handle)
        };
        Ok(Self {
            handles: (0..count).map(start).collect::<io::Result<_>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// Runs a task on the next thread.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.handles[next % self.handles.len()].spawn(task);
    }
}
