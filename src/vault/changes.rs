//! Whether a vault was changed, told to whoever has to do something about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something was changed, or may have been, since that was last asked.
#[derive(Clone, Debug, Default)]
pub struct Changes(Arc<AtomicBool>);

impl Changes {
    /// Notes a change, if it is one.
    pub fn note_if(&self, is_change: bool) {
        self.0.fetch_or(is_change, Ordering::Relaxed);
    }

    /// Whether there was one since this was last asked.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
