//! What the system lacks, and what the environment claims.

mod actor;
mod random;
mod zone;
