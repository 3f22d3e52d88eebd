//! The two kinds of keys.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// What a key is for: sending mail, or calling an API. The vault keeps its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Kind {
    /// A username and a password for a mail server.
    Smtp,
    /// A bearer secret for an HTTP API.
    Api,
}

impl Kind {
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
