//! Secrets that leaked: found in whatever they stand in, stopped, replaced, reported.

mod encoded;
mod found;
mod report;
mod revoked;
