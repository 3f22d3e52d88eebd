//! PostgreSQL for the tests: a cluster that all of them share, with a database for each, and clusters
//! of one test alone. Debian's own cluster is neither used nor touched.

mod cluster;
mod clusters;
pub mod database;
pub mod own;
mod shared;
