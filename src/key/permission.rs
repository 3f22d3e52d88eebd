//! What an API key may call.

use std::fmt;
use std::str::FromStr;

use super::Invalid;

/// One of the built-in permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Everything.
    Full,
    /// Looking, not changing.
    ReadOnly,
    /// Sending mail, nothing else.
    SendOnly,
    /// Contacts, nothing else.
    Contacts,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 4] = [Self::Full, Self::ReadOnly, Self::SendOnly, Self::Contacts];

    /// The word that commands, JSON and the vault use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly => "read-only",
            Self::SendOnly => "send-only",
            Self::Contacts => "contacts",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Permission {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.word() == text)
            .ok_or_else(|| {
                Invalid::new(
                    "a permission",
                    text,
                    "the permissions are full, read-only, send-only, contacts",
                )
                .hint("`full` allows everything and is the default")
            })
    }
}
