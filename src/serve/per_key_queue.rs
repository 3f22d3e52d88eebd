//! Queues requests by key: only one password per key is hashed at a time, so that a flood of wrong
//! ones for a key does not delay others. Only imported passwords are hashed, and secrets from
//! before digests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

use super::lock::locked;
use crate::vault::KeyId;

/// The keys of which a secret is being hashed, with their queues.
#[derive(Debug, Default)]
pub(super) struct PerKeyQueue(Mutex<HashMap<KeyId, Arc<Queue<()>>>>);

/// A place in the queue, until dropped.
#[derive(Debug)]
pub(super) struct QueueTurn<'a> {
    per_key_queue: &'a PerKeyQueue,
    key: KeyId,
    held: Option<OwnedMutexGuard<()>>,
}

impl PerKeyQueue {
    /// Waits for the key's queue, first come, first served.
    pub(super) async fn take(&self, key: KeyId) -> QueueTurn<'_> {
        let queue = Arc::clone(self.queues().entry(key).or_default());
        QueueTurn {
            per_key_queue: self,
            key,
            held: Some(queue.lock_owned().await),
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<KeyId, Arc<Queue<()>>>> {
        locked(&self.0)
    }
}

impl Drop for QueueTurn<'_> {
    fn drop(&mut self) {
        let mut queues = self.per_key_queue.queues();
        self.held = None;
        // The last one removes the queue.
        if queues
            .get(&self.key)
            .is_some_and(|queue| Arc::strong_count(queue) == 1)
        {
            queues.remove(&self.key);
        }
    }
}
