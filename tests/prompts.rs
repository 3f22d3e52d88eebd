//! Prompts on a terminal, and behavior without one.

mod asking;
mod dumb;
mod generating;
mod hiding;
mod in_use;
mod job;
mod menu;
mod nobody;
mod setting;
mod showing;
pub mod terminal;
mod waiting;
