//! Missing resources, and claims in the environment.

mod actor;
mod causes;
mod random;
mod zone;
