//! What happens on a terminal, and where there is none.

mod asking;
mod dumb;
mod hiding;
mod in_use;
mod job;
mod nobody;
mod showing;
pub mod terminal;
mod waiting;
