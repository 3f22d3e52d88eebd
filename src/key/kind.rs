//! The two kinds of keys.

use std::fmt;

/// What a key is for: sending mail, or calling an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A username and a password for a mail server.
    Smtp,
    /// A bearer secret for an HTTP API.
    Api,
}

impl Kind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Smtp, Self::Api];

    /// The word that commands, JSON and the vault use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Api => "api",
        }
    }

    /// The kind as a sentence names it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Api => "API",
        }
    }

    /// What a secret of this kind begins with, before the brand.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Smtp => "xsmtp",
            Self::Api => "xkey",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
