//! What an input is read as, and what holds where it says nothing.

use clap::ValueEnum;
use jiff::Timestamp;

use crate::key::{Description, Status};
use crate::settings::Permissions;

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum InputFormat {
    /// A passwd-file of Dovecot's: user:{SCHEME}hash and more fields
    Dovecot,
    /// What `htpasswd` makes: user:hash
    Htpasswd,
    /// An array of objects, or one object per line
    Json,
}

/// What entries are made with.
pub(super) struct ImportDefaults<'a> {
    pub(super) now: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) description: Option<Description>,
    pub(super) status: Status,
    pub(super) permissions: &'a Permissions,
    /// Whether it is standard input that is read: only there may passwords be in clear.
    pub(super) is_input: bool,
    pub(super) form: InputFormat,
}
