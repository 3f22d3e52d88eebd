//! Turns: of each key one password at a time is hashed, so that a flood of wrong ones for a key
//! keeps no other key waiting. Only imported passwords are hashed, and secrets from before digests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

use super::lock::locked;
use crate::vault::KeyId;

/// The keys of which a secret is being hashed, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct PerKeyQueue(Mutex<HashMap<KeyId, Arc<Queue<()>>>>);

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct QueueTurn<'a> {
    per_key_queue: &'a PerKeyQueue,
    key: KeyId,
    held: Option<OwnedMutexGuard<()>>,
}

impl PerKeyQueue {
    /// Waits for a turn of the key; who came first is first.
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
        // The last one puts the queue away.
        if queues
            .get(&self.key)
            .is_some_and(|queue| Arc::strong_count(queue) == 1)
        {
            queues.remove(&self.key);
        }
    }
}
