//! The old secret of a key that is being rotated.

use jiff::Timestamp;

use super::Tail;

/// A key's old secret, and until when it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retiring {
    /// Its tail.
    pub tail: Tail,
    /// When it retires.
    pub until: Timestamp,
    /// When it was first seen retired; it stays retired whatever a clock says later.
    pub retired_at: Option<Timestamp>,
}

impl Retiring {
    /// Whether it has retired at `now`, or is recorded as retired.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.retired_at.is_some() || self.until <= now
    }

    /// The same secret, retiring at that time at the latest.
    pub(super) fn by(self, end: Option<Timestamp>) -> Self {
        Self {
            until: end.map_or(self.until, |end| self.until.min(end)),
            ..self
        }
    }
}
