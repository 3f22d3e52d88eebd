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
