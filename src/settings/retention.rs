//! For how many days usage is kept.

use std::str::FromStr;

use crate::key::{Invalid, Period};

/// A day in seconds.
const DAY: u64 = 86_400;

/// The maximum number of days: ten years.
const MAX_DAYS: u64 = 3650;

/// For how many days of each key usage is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention(i64);

impl Default for Retention {
    fn default() -> Self {
        Self(400)
    }
}

impl Retention {
    /// In days.
    pub fn days(self) -> i64 {
        self.0
    }
}

impl FromStr for Retention {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let length = text.parse::<Period>()?.length();
        let days = length
            .filter(|length| length.subsec_nanos() == 0 && length.as_secs() % DAY == 0)
            .map(|length| length.as_secs() / DAY)
            .filter(|days| (1..=MAX_DAYS).contains(days));
        let days = days.and_then(|days| i64::try_from(days).ok());
        days.map(Self).ok_or_else(|| {
            let rule = format!("it must be a whole number of days, from 1d to {MAX_DAYS}d");
            Invalid::new("a retention period", text, rule).with_hint("write `90d` or `400d`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_kept_for_whole_days() {
        for (text, days) in [
            ("1d", Some(1)),
            ("48h", Some(2)),
            ("400d", Some(400)),
            ("2w", Some(14)),
            ("3650d", Some(3650)),
            ("3651d", None),
            ("36h", None),
            ("1d 1s", None),
            ("0d", None),
            ("1mo", None),
            ("never", None),
        ] {
            let retention = text.parse::<Retention>().ok().map(Retention::days);
            assert_eq!(retention, days, "{text}");
        }
    }
}
