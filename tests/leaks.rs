//! Secrets that leaked: found in whatever they stand in, stopped, replaced, reported.

mod found;
mod report;
mod revoked;
