//! The secret from before a rotation.

use jiff::Timestamp;

use super::Tail;

/// A key's secret from before a rotation, and until when it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retiring {
    /// Its public ending.
    pub tail: Tail,
    /// When it retires.
    pub until: Timestamp,
    /// When it was first seen retired; it stays so whatever a clock says later.
    pub retired_at: Option<Timestamp>,
}

impl Retiring {
    /// Whether it has retired at `now`, or was seen to have.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.retired_at.is_some() || self.until <= now
    }

    /// The same, at the latest by then.
    pub(super) fn by(self, end: Option<Timestamp>) -> Self {
        Self {
            until: end.map_or(self.until, |end| self.until.min(end)),
            ..self
        }
    }
}
