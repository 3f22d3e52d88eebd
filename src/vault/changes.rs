//! Whether a vault was changed, told to whoever has to do something about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something was changed, or may have been.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Since that was last asked.
    is_new: Arc<AtomicBool>,
    is_committed: Arc<AtomicBool>,
}

impl Changes {
    /// Notes a change, if it is one.
    pub fn note_change_if(&self, is_change: bool) {
        self.is_new.fetch_or(is_change, Ordering::Relaxed);
    }

    /// Notes a change that is committed for certain.
    pub fn note_commit(&self) {
        self.note_change_if(true);
        self.is_committed.store(true, Ordering::Relaxed);
    }

    /// Whether a change is committed for certain.
    pub fn is_committed(&self) -> bool {
        self.is_committed.load(Ordering::Relaxed)
    }

    /// Whether there was one since this was last asked.
    pub fn take(&self) -> bool {
        self.is_new.swap(false, Ordering::Relaxed)
    }
}
