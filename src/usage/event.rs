//! A recorded use.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::key::Tail;
use crate::vault::KeyId;

/// The verdict that counts as a use.
pub const ACCEPTED: &str = "accepted";

/// The key number for use of unknown keys.
pub const UNKNOWN_KEY: i64 = 0;

/// Requests with the same secret and the same verdict.
#[derive(Clone, Debug)]
pub struct UsageEvent {
    /// The key; `None` if it is unknown.
    pub key: Option<KeyId>,
    /// Which of its secrets; `None` if it is unknown.
    pub tail: Option<Tail>,
    /// The verdict's word.
    pub verdict: &'static str,
    /// The number of requests.
    pub count: u32,
    /// The time of the last.
    pub at: Timestamp,
    /// The client's address.
    pub address: Option<IpAddr>,
}
