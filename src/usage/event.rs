//! What is recorded.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::key::Tail;
use crate::vault::KeyId;

/// The verdict that counts as a use.
pub const ACCEPTED: &str = "accepted";

/// The key number under which is counted what no key could be found for.
pub const NOBODY: i64 = 0;

/// One or several presentations of a secret with the same verdict.
#[derive(Clone, Debug)]
pub struct UsageEvent {
    /// Whose secret it was; `None` if that is not known.
    pub key: Option<KeyId>,
    /// Which of its secrets; `None` if that is not known.
    pub tail: Option<Tail>,
    /// The verdict's word.
    pub verdict: &'static str,
    /// How often.
    pub count: u32,
    /// When, for the last time.
    pub at: Timestamp,
    /// From where.
    pub address: Option<IpAddr>,
}
