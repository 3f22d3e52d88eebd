//! How long a command may take.

use std::str::FromStr;
use std::time::Duration;

use crate::key::{Invalid, Period};

/// The maximum: a pending secret is dropped after an hour.
const MAX: Duration = Duration::from_secs(30 * 60);

/// How long a command that receives a secret may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(pub Duration);

impl Default for Timeout {
    fn default() -> Self {
        Self(Duration::from_secs(60))
    }
}

impl FromStr for Timeout {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let length = text.parse::<Period>()?.length();
        let length = length.filter(|&length| length <= MAX);
        length.map(Self).ok_or_else(|| {
            Invalid::new("a timeout", text, "a timeout is at most 30 minutes")
                .with_hint("write `60s`")
        })
    }
}
