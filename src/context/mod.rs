//! What all commands work with: the streams, the settings, the clock, and the vault.

pub mod access_flags;
mod completion;
pub mod confirmation;
pub mod dry_run;
pub mod edit;
pub mod exports;
mod key_menu;
pub mod key_selector;
pub mod label_flags;
pub mod name_list;
pub mod passphrase;
mod questions;
mod random;
mod run;
pub mod saved_head;
pub mod secret_prompt;
pub mod secret_search;
pub mod selected_keys;
pub mod selection;
mod suggestion;
pub mod usage_reader;

pub use completion::vaults;
pub use random::random;
pub use run::{Context, is_ahead};
pub use suggestion::{did_you_mean, nearest, nearest_in_log};
