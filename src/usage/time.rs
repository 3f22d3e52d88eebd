//! Times of a usage record: days, and what counts as past.

use jiff::Timestamp;
use rusqlite::Row;

use crate::key::CLOCK_TOLERANCE;

/// The Unix day of a time, UTC.
pub fn day_of(moment: Timestamp) -> i64 {
    moment.as_second().div_euclid(86_400)
}

/// The last second that counts as past at `now`.
pub(super) fn latest(now: Timestamp) -> i64 {
    now.as_second().saturating_add(CLOCK_TOLERANCE)
}

/// The last day that counts as past.
pub(super) fn latest_day(now: Timestamp) -> i64 {
    latest(now).div_euclid(86_400)
}

/// Whole seconds in a column as a time; anything else is damage.
pub(super) fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let seconds: i64 = row.get(column)?;
    Timestamp::from_second(seconds)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, seconds))
}
