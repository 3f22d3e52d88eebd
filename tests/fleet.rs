//! One vault for several hosts: the guide `fleet`, run on machines that a private network connects.
//! Only as root.

mod copy;
mod gateways;
mod guide;
mod hosts;
mod postfix;
mod probe;
mod shell;

pub use guide::session;

/// The guide, as a file.
pub const GUIDE: &str = "man/guide/fleet.md";
