//! How long to wait for a locked vault.

use std::str::FromStr;
use std::time::Duration;

use super::Settings;
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

impl Settings {
    /// How long to wait for another delivery to a place whose tool may take this long: as long as
    /// that, unless another time is set.
    pub fn delivery_wait(&self, timeout: Duration) -> Duration {
        match self.wait == Wait::default().0 {
            true => self.wait.max(timeout),
            false => self.wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_waits_as_long_as_the_one_before_may_take() {
        let seconds = Duration::from_secs;
        let mut settings = Settings {
            wait: Wait::default().0,
            ..Settings::default()
        };
        assert_eq!(settings.delivery_wait(seconds(60)), seconds(60));
        assert_eq!(settings.delivery_wait(seconds(1)), seconds(5));
        settings.wait = seconds(1);
        assert_eq!(settings.delivery_wait(seconds(60)), seconds(1));
    }
}
