//! Detects unusual use with simple, robust rules.

use jiff::Timestamp;

use super::{CountedUse, Finding};
use crate::usage::{RECENT_DAYS, Recent, day_of};

/// How many days before a day it is compared with.
const HISTORY_DAYS: usize = 14;

/// On how many of these days a key must have been used to have habits at all.
const MIN_DAYS: usize = 3;

/// A day is unusual if it has more requests, or recipients, than the busiest of these days times
/// this.
const FACTOR: u32 = 5;

/// And at least this many.
const MIN_COUNT: u32 = 100;

/// For how many seconds addresses of a key must have been recorded before a network counts as new.
const ADDRESS_HISTORY: i64 = 7 * 86_400;

/// A day, today or yesterday, on which a key was used far more than before. Includes yesterday, so
/// that a daily check sees every whole day.
pub(super) fn unusual_day(recent: &Recent, counted: CountedUse, now: Timestamp) -> Option<Finding> {
    let counts = match counted {
        CountedUse::Requests => &recent.days,
        CountedUse::Recipients => &recent.recipients,
    };
    let days = [RECENT_DAYS - 1, RECENT_DAYS - 2].into_iter();
    let (day, busiest_before) = days
        .filter_map(|day| Some((day, busiest_before(&counts[..day])?)))
        .find(|&(day, busiest_before)| is_burst(counts[day], busiest_before))?;
    let start = (day_of(now) - (RECENT_DAYS - 1 - day) as i64) * 86_400;
    Some(Finding::UnusualUse {
        counted,
        day: Timestamp::from_second(start).ok()?,
        count: counts[day],
        busiest_before,
    })
}

/// The count of the busiest of the last days, if it was used on enough of them.
fn busiest_before(before: &[u32]) -> Option<u32> {
    let days = &before[before.len() - HISTORY_DAYS..];
    let used = days.iter().filter(|&&count| count > 0).count();
    days.iter().copied().max().filter(|_| used >= MIN_DAYS)
}

fn is_burst(count: u32, busiest_before: u32) -> bool {
    count >= MIN_COUNT && count > busiest_before.saturating_mul(FACTOR)
}

/// Networks from which a key was first used today or yesterday, while its others are long known.
pub(super) fn new_network(recent: &Recent, now: Timestamp) -> Option<Finding> {
    let (first, others) = recent.networks.split_first()?;
    let known_for = now.as_second() - recent.first_address_at?.as_second();
    (known_for >= ADDRESS_HISTORY).then(|| Finding::NewNetwork {
        network: first.network.clone(),
        first_at: first.first_at,
        others: others.len(),
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    /// The counts of the last days, today's at the end.
    fn found(last: &[u32]) -> Option<(u32, u32)> {
        let mut days = [0; RECENT_DAYS];
        days[RECENT_DAYS - last.len()..].copy_from_slice(last);
        let recent = Recent {
            days,
            ..Recent::default()
        };
        match unusual_day(
            &recent,
            CountedUse::Requests,
            Timestamp::UNIX_EPOCH + SignedDuration::from_hours(9999),
        ) {
            Some(Finding::UnusualUse {
                count,
                busiest_before,
                ..
            }) => Some((count, busiest_before)),
            _ => None,
        }
    }

    #[test]
    fn more_than_five_times_the_busiest_day_is_unusual() {
        assert_eq!(found(&[10, 20, 15, 101]), Some((101, 20)));
        assert_eq!(found(&[10, 20, 15, 100]), None, "five times is not more");
        assert_eq!(found(&[10, 19, 15, 100]), Some((100, 19)));
        assert_eq!(found(&[1, 1, 1, 99]), None, "too few to matter");
        assert_eq!(found(&[1, 1, 1, 100]), Some((100, 1)));
    }

    #[test]
    fn yesterday_counts_and_is_not_held_against_today() {
        assert_eq!(found(&[1, 1, 1, 500, 3]), Some((500, 1)));
        assert_eq!(found(&[1, 1, 1, 500, 3, 3]), None);
        assert_eq!(found(&[1, 1, 1, 500, 2600]), Some((2600, 500)));
    }

    #[test]
    fn three_days_of_recent_use_are_needed_to_detect_unusual_use() {
        assert_eq!(found(&[1, 1, 500]), None);
        let mut days = [0; RECENT_DAYS];
        (days[1], days[2], days[3], days[RECENT_DAYS - 1]) = (1, 1, 1, 500);
        assert_eq!(found(&days), Some((500, 1)));
        (days[0], days[1]) = (1, 0);
        assert_eq!(found(&days), None, "fifteen days ago is too long");
    }
}
