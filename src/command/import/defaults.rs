//! The input's format, and the defaults for what it does not specify.

use clap::ValueEnum;
use jiff::Timestamp;

use crate::key::{Description, Status};
use crate::settings::Permissions;

/// The format of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum InputFormat {
    /// A Dovecot passwd-file: user:{SCHEME}hash and more fields
    Dovecot,
    /// An htpasswd file: user:hash
    Htpasswd,
    /// An array of objects, or one object per line
    Json,
}

/// Values for what the entries do not specify.
pub(super) struct ImportDefaults<'a> {
    pub(super) now: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) description: Option<Description>,
    pub(super) status: Status,
    pub(super) permissions: &'a Permissions,
    /// Whether standard input is read: plaintext passwords are only allowed there.
    pub(super) is_input: bool,
    pub(super) form: InputFormat,
}
