//! The brand in secrets.

use std::fmt;
use std::str::FromStr;

use super::format::{HEX, TAIL};
use super::{Invalid, Kind};

/// The part of a secret between its kind and its random part: 2 to 12 lowercase letters and digits.
/// Scanners find leaked keys by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand(String);

impl Default for Brand {
    fn default() -> Self {
        Self("post".to_owned())
    }
}

impl Brand {
    /// The brand as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A regular expression for secrets of the kind with this brand, and next to nothing else, in
    /// syntax common to Go, Python and Rust. Only the checksum is not verified.
    pub fn pattern(&self, kind: Kind) -> String {
        let prefix = kind.prefix();
        format!("{prefix}{self}-[0-9a-f]{{{HEX}}}-[0-9A-Za-z]{{{TAIL}}}")
    }
}

impl fmt::Display for Brand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Brand {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if is_brand(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "a brand",
            text,
            "a brand is 2 to 12 lowercase letters and digits",
        )
        .with_hint("write `post` or `acme`"))
    }
}

pub(super) fn is_brand(text: &str) -> bool {
    (2..=12).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}
