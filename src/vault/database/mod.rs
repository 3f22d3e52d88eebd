//! PostgreSQL: a connection to the primary, and the statements on it.
//!
//! The only module that uses tokio-postgres. A connection has a runtime of its own, on the thread
//! that calls: nothing runs between two calls.

mod address;
mod commit;
mod failure;
mod fault;
mod options;
mod rows;
mod schema;
mod session;
mod statements;
mod tls;
mod value;

pub use address::{DatabaseAddress, DatabaseServer, VaultAddress};
pub(super) use commit::CommitFault;
pub use fault::DatabaseFault;
pub use options::DatabaseOptions;
pub(super) use statements::Database;
pub(super) use value::{DatabaseRow, column_name, value_ref};

#[cfg(test)]
mod tests;
