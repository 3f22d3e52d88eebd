//! What happens on a terminal, and where there is none.

mod asking;
mod hiding;
mod nobody;
mod showing;
pub mod terminal;
mod waiting;
