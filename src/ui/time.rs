//! Spans of time in words.

use jiff::Timestamp;

/// The units for distances, in seconds, the largest first.
const UNITS: [(i64, &str); 6] = [
    (365 * 86_400, "year"),
    (30 * 86_400, "month"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
    (1, "second"),
];

/// The distance of a time from now, in the largest unit of which there are at least two: `47 hours
/// ago`, `3 days ago`, `in 5 days`.
pub(super) fn distance(moment: Timestamp, now: Timestamp) -> String {
    let seconds = moment.as_second() - now.as_second();
    if seconds == 0 {
        return "just now".to_owned();
    }
    let length = seconds.abs();
    let (unit, name) = UNITS
        .into_iter()
        .find(|(unit, _)| length >= 2 * unit)
        .unwrap_or((1, "second"));
    let count = (length + unit / 2) / unit;
    let plural = if count == 1 { "" } else { "s" };
    if seconds < 0 {
        format!("{count} {name}{plural} ago")
    } else {
        format!("in {count} {name}{plural}")
    }
}

/// A Unix day as a date: `2026-11-22`.
pub(super) fn date(day: i64) -> String {
    let start = Timestamp::from_second(day.saturating_mul(86_400));
    start.map_or_else(
        |_| day.to_string(),
        |start| start.strftime("%Y-%m-%d").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_use_the_largest_sensible_unit() {
        let now = Timestamp::from_second(2_000_000_000).expect("a time");
        for (seconds, words) in [
            (0, "just now"),
            (-1, "1 second ago"),
            (-119, "119 seconds ago"),
            (-120, "2 minutes ago"),
            (-3 * 86_400, "3 days ago"),
            (-47 * 3_600, "47 hours ago"),
            (90 * 86_400, "in 3 months"),
            (5 * 86_400, "in 5 days"),
            (5 * 86_400 - 1, "in 5 days"),
            (800 * 86_400, "in 2 years"),
        ] {
            let moment = Timestamp::from_second(2_000_000_000 + seconds).expect("a time");
            assert_eq!(distance(moment, now), words);
        }
    }
}
