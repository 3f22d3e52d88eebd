//! The permission of an API key: the name of a set of rules.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use super::Invalid;

/// The longest name of a permission, in characters.
const MAX_LENGTH: usize = 32;

/// A permission's name: 1 to 32 of `a-z 0-9 -`, beginning with a letter.
///
/// The settings define what it allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission(CompactString);

impl Permission {
    /// The name of the permission that allows everything.
    pub const FULL: &'static str = "full";

    /// The permission that allows everything.
    pub fn full() -> Self {
        Self(CompactString::const_new(Self::FULL))
    }

    /// Whether it allows everything.
    pub fn is_full(&self) -> bool {
        self.0 == Self::FULL
    }

    /// The word for it on the command line, in JSON and in the vault.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Permission {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.len() <= MAX_LENGTH
            && text.bytes().all(is_allowed);
        if is_name {
            return Ok(Self(text.into()));
        }
        let rule = "a permission's name is 1 to 32 of a-z 0-9 - and begins with a letter";
        Err(Invalid::new("a permission", text, rule)
            .with_hint("the built-in ones are full, read-only, send-only, contacts"))
    }
}
