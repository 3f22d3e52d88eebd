//! What the system lacks, and what the environment claims.

mod actor;
mod causes;
mod random;
mod zone;
