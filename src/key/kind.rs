//! The two kinds of keys.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// What a key is for: sending mail, or calling an API. Its word is stored in the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Kind {
    /// A username and a password for a mail server.
    Smtp,
    /// A bearer secret for an HTTP API.
    Api,
}

impl Kind {
    /// The kind as part of a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Api => "API",
        }
    }

    /// The first characters of a secret of this kind, before the brand.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Smtp => "xsmtp",
            Self::Api => "xkey",
        }
    }
}
