//! Leaked secrets: found in any context, revoked, replaced, reported.

mod encoded;
mod found;
mod report;
mod revoked;
