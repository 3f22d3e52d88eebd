//! The vault: an SQLite file with the keys, their hashes, and the audit log.
//!
//! The only module that uses rusqlite. A vault is private from creation, never replaced by a rename
//! (mail servers keep it open), never in WAL mode (which locks read-only users out), and never
//! locked between calls into this module.

mod action;
mod automatic_rotation;
mod cause;
mod chain;
mod change;
mod changes;
mod checksum;
mod column;
mod comparison;
mod contradiction;
mod copy;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the settings take an address in the next step")
)]
mod database;
mod database_schema;
mod dead;
mod deliveries;
mod descriptors;
mod diagnosis;
mod digest;
mod ended_terms;
mod error;
mod export;
mod future_terms;
mod head;
pub mod health;
mod imported;
mod keys;
mod labels;
mod location;
mod log;
mod log_filter;
mod lookup;
mod migrations;
mod opened;
mod opening;
mod pages;
mod past_owner;
mod pending_secrets;
mod policies;
mod replay;
mod restore;
mod rollback_copy;
mod rotations;
mod schema;
mod sealed;
mod secret_history;
mod store;
mod sudoer;
mod vault_location;
mod watch;

pub use action::Action;
pub use automatic_rotation::{AutomaticRotation, HeldRotation};
pub use cause::Cause;
pub use chain::Chain;
pub use change::Change;
pub use changes::Changes;
pub use comparison::{AffectedKey, Comparison, Effect, Reason};
pub use contradiction::Contradiction;
pub use copy::{Copied, Head};
#[expect(
    unused_imports,
    reason = "the settings take an address in the next step"
)]
pub use database::{DatabaseAddress, DatabaseServer, VaultAddress};
pub use database::{DatabaseFault, DatabaseOptions};
pub use database_schema::DATABASE_SCHEMA;
pub use dead::{DeadSecret, FoundSecret};
pub use deliveries::LastDelivery;
pub use diagnosis::diagnose;
pub use ended_terms::ObservedEnd;
pub use error::{Error, INTERRUPTED, way_back_from_early_end, way_out_of_rotation};
pub use export::ValidSecret;
pub use future_terms::{TermAhead, TermKind};
pub use head::SavedHead;
pub use keys::{KeyId, Record, SecretInfo, StoredSecret};
pub use location::{beside, file_is_there};
pub use log::{Actor, Author, Entry, Field, differences};
pub use log_filter::{LogFilter, LogOrder};
pub use migrations::{schemas, sqlite_version};
pub use opened::Vault;
pub use pages::{Page, SortOrder};
pub use past_owner::PastOwner;
pub use policies::policy_differences;
pub use restore::CurrentVault;
pub use sealed::Sealed;
pub use sudoer::Sudoer;
pub use vault_location::VaultLocation;
pub use watch::{ChangeWatch, ChangedAt};
