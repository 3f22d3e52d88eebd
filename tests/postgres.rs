//! PostgreSQL for the tests: a cluster that all of them share, with a database for each, and clusters
//! of one test alone. Debian's own cluster is neither used nor touched.

mod cluster;
mod clusters;
pub mod copied;
pub mod database;
mod dovecot;
mod guide;
pub mod own;
mod roles;
mod shared;
