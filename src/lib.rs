//! postkey issues, guards and retires the keys that programs use to send mail and call an
//! API.
//!
//! The map of the house is a staircase; each step sees only the steps below it:
//!
//! 1. `cli`: the global flags, the list of verbs, the dispatch
//! 2. `command`: a file a verb; load, decide, save, show
//! 3. `ui`: the streams' rules, views, prompts
//! 4. `error`: message, hint, status
//! 5. `explain`: what somebody tried with a secret
//! 6. `serve`: answers over HTTP; `manifest`: what `apply` is told, and what follows from it
//! 7. `verify`: from a presented text to a verdict; `check`: from a key to what needs attention;
//!    `exit`: the statuses
//! 8. `process`: what the process does to itself, and whom it acts for
//! 9. `usage`: who used what
//! 10. `vault`, `settings`: what is stored, what can be set
//! 11. `key`: the domain, on `memory` for its hash; `files`: files that are written whole

mod arguments;
mod check;
pub mod cli;
pub mod command;
mod context;
mod delivery;
mod error;
pub mod exit;
mod explain;
mod files;
mod key;
mod manifest;
mod memory;
pub mod process;
mod serve;
mod settings;
mod ui;
mod usage;
mod vault;
mod verify;
