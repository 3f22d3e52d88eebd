//! How long to wait for a locked vault.

use std::str::FromStr;
use std::time::Duration;

use crate::key::{Invalid, Period};

/// The maximum.
const MAX_WAIT: Duration = Duration::from_secs(86_400);

/// How long to wait for a locked vault: at most one day, 5 s by default.
#[derive(Clone, Copy, Debug)]
pub struct Wait(pub(super) Duration);

impl Default for Wait {
    fn default() -> Self {
        Self(Duration::from_secs(5))
    }
}

impl FromStr for Wait {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let length = text.parse::<Period>()?.length();
        length
            .filter(|&length| length <= MAX_WAIT)
            .map(Self)
            .ok_or_else(|| {
                Invalid::new("a timeout", text, "a timeout is at most one day")
                    .with_hint("write `5s` or `2m`")
            })
    }
}

/// How long to wait for another delivery to a place whose tool may take `timeout`: as long as that,
/// unless another wait than the default is set.
pub fn delivery_wait(wait: Duration, timeout: Duration) -> Duration {
    match wait == Wait::default().0 {
        true => wait.max(timeout),
        false => wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_waits_as_long_as_the_one_before_may_take() {
        for (wait, timeout, expected) in [(5, 60, 60), (5, 1, 5), (1, 60, 1), (300, 60, 300)] {
            let seconds = Duration::from_secs;
            let found = delivery_wait(seconds(wait), seconds(timeout));
            assert_eq!(found, seconds(expected), "{wait} {timeout}");
        }
    }
}
