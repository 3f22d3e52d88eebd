//! The usage record: a second SQLite file beside the vault, written often and expendable.
//!
//! It may be deleted at any time; keys, secrets and the audit log are only in the vault. Unlike the
//! vault it is in WAL mode, and a power failure may lose its last second.

mod address;
mod clock;
mod details;
mod error;
mod event;
mod mail;
mod month;
mod networks;
mod opening;
mod read;
mod recent;
mod refusals;
mod requests;
mod store;
mod time;
mod write;

pub use address::{Address, read_address};
pub use details::{Day, Details, Refused, SecretTransition, SecretUse};
pub use error::Error;
pub use event::{ACCEPTED, UNKNOWN_KEY, UsageEvent};
pub use mail::{MailDay, MailEvent, MailTotal};
pub use month::{Month, MonthUse};
pub use opening::{path, versions};
pub use read::Summary;
#[cfg(test)]
pub use recent::Network;
pub use recent::{RECENT_DAYS, Recent};
pub use refusals::{RefusalAddresses, RefusalFilter, RefusalSummary};
pub use requests::{
    REQUEST_DAYS, RecentRequests, RecordedRequests, RequestEvent, RequestKind, first_request_day,
};
pub use store::UsageStore;
pub use time::day_of;
