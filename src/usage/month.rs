//! The recorded use of a key in a calendar month, UTC.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::{OptionalExtension, params};

use super::{ACCEPTED, Error, MailTotal, UsageStore, day_of, mail};
use crate::key::Invalid;
use crate::vault::KeyId;

/// A calendar month, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    first: Date,
}

/// The use of a key in a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MonthUse {
    /// The number of accepted requests.
    pub requests: u64,
    /// The number of refused ones.
    pub refused: u64,
    /// The number of days on which any was accepted.
    pub days_used: u32,
    /// The day on which most were accepted, in days since 1970, and their number.
    pub busiest: Option<(i64, u32)>,
    /// The accepted mails, and their recipients.
    pub mail: MailTotal,
}

impl Month {
    /// Its first and its last day, in days since 1970.
    pub fn days(self) -> (i64, i64) {
        let day = |date: Date| {
            let midnight = date.to_zoned(TimeZone::UTC);
            day_of(midnight.map_or(Timestamp::UNIX_EPOCH, |midnight| midnight.timestamp()))
        };
        (day(self.first), day(self.first.last_of_month()))
    }

    /// As `November 2026`.
    pub fn title(self) -> String {
        self.first.strftime("%B %Y").to_string()
    }
}

impl FromStr for Month {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_shaped = text.len() == 7 && !text.starts_with(['-', '+']);
        let first = format!("{text}-01").parse().ok().filter(|_| is_shaped);
        first.map(|first| Self { first }).ok_or_else(|| {
            let rule = "a month is a year and the number of a month";
            Invalid::new("a month", text, rule).with_hint("write `2026-11`")
        })
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first.strftime("%Y-%m"))
    }
}

impl UsageStore {
    /// The use of a key in a month, as far as it is still recorded.
    pub fn month(&self, key: KeyId, month: Month) -> Result<MonthUse, Error> {
        self.with_path(|usage| {
            let ((first, last), connection) = (month.days(), &usage.connection);
            let within = params![key, first, last, ACCEPTED];
            let sums = "SELECT coalesce(sum(count) FILTER (WHERE verdict = ?4), 0),
                          coalesce(sum(count) FILTER (WHERE verdict <> ?4), 0),
                          count(*) FILTER (WHERE verdict = ?4)
                        FROM days WHERE key_id = ?1 AND day BETWEEN ?2 AND ?3";
            let mut found = connection.prepare_cached(sums)?.query_row(within, |row| {
                Ok(MonthUse {
                    requests: row.get::<_, i64>(0)?.unsigned_abs(),
                    refused: row.get::<_, i64>(1)?.unsigned_abs(),
                    days_used: row.get(2)?,
                    ..MonthUse::default()
                })
            })?;
            let busiest = "SELECT day, count FROM days
                           WHERE key_id = ?1 AND day BETWEEN ?2 AND ?3 AND verdict = ?4
                           ORDER BY count DESC, day LIMIT 1";
            let mut busiest = connection.prepare_cached(busiest)?;
            let busiest = busiest.query_row(within, |row| Ok((row.get(0)?, row.get(1)?)));
            found.busiest = busiest.optional()?;
            found.mail = mail::total_between(connection, key, (first, last))?;
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_a_year_and_a_number() {
        for (text, days, title) in [
            ("1970-01", (0, 30), "January 1970"),
            ("2026-11", (20_758, 20_787), "November 2026"),
            ("2028-02", (21_215, 21_243), "February 2028"),
        ] {
            let month: Month = text.parse().expect(text);
            assert_eq!((month.days(), &*month.title()), (days, title), "{text}");
            assert_eq!(month.to_string(), text);
        }
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-11",
            "2026-11-01",
            "-026-11",
            "2026/11",
            "november",
        ] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }
}
