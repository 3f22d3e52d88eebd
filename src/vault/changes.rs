//! Records whether a vault was changed, for those who must act on that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something was, or may have been, changed.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Since the last query.
    is_new: Arc<AtomicBool>,
    is_committed: Arc<AtomicBool>,
}

impl Changes {
    /// Records a change, if it is one.
    pub fn note_change_if(&self, is_change: bool) {
        self.is_new.fetch_or(is_change, Ordering::Relaxed);
    }

    /// Records a change that was certainly committed.
    pub fn note_commit(&self) {
        self.note_change_if(true);
        self.is_committed.store(true, Ordering::Relaxed);
    }

    /// Whether a change was certainly committed.
    pub fn is_committed(&self) -> bool {
        self.is_committed.load(Ordering::Relaxed)
    }

    /// Whether there was a change since the last query.
    pub fn take(&self) -> bool {
        self.is_new.swap(false, Ordering::Relaxed)
    }
}
