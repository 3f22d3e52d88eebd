//! The fields of a login to the mail server, and which of them go to a secret manager.

use strum::{IntoStaticStr, VariantArray};

/// Stands for each field of a login in an address, in lower case.
pub const FIELD: &str = "{field}";

/// The same in upper case.
pub const UPPER_FIELD: &str = "{FIELD}";

/// A field of a login to the mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum LoginField {
    /// The server's host.
    Host,
    /// Its port.
    Port,
    /// The username.
    Username,
    /// The secret.
    Password,
    /// All of them: `smtp://username:password@host:port`, `smtps://` for TLS from the start.
    Url,
}

/// What of a key goes to a secret manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredParts {
    /// The secret.
    Secret,
    /// The URL with the login.
    Url,
    /// Each field of the login, to a field of its own.
    Login,
}

/// Whether a text stands for several fields.
pub(super) fn names_each_field(text: &str) -> bool {
    text.contains(FIELD) || text.contains(UPPER_FIELD)
}
