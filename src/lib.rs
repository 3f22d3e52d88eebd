//! postkey issues, checks and revokes the keys that programs use to send mail and call an API.
//!
//! The modules form layers; each sees only those below it (`tests/house.rs`):
//!
//! 1. `cli`: the global flags, the list of commands, the dispatch, the help
//! 2. `command`: a file a command
//! 3. `delivery`: a new secret on its way to standard output, a file or a CI job
//! 4. `context`: what commands work with: settings, vault, clock, chosen keys, secret prompts
//! 5. `ui`: output in every format, tables, prompts
//! 6. `error`: message, hint, exit status; `arguments`: parsers of values
//! 7. `explain`: why a request or a login is refused
//! 8. `serve`: the HTTP service; `manifest`: manifests and their plans
//! 9. `verify`: the verdict on a secret; `check`: what needs attention; `exit`: exit statuses
//! 10. `process`: clock, environment, signals, pager, the CI job
//! 11. `usage`: the usage record
//! 12. `vault`: keys, secrets, audit log and backup in SQLite; `settings`: the settings file
//! 13. `key`: the domain, on `memory` for its hash; `files`: private and atomic file access

mod arguments;
mod check;
pub mod cli;
pub mod command;
mod context;
mod delivery;
mod destination;
mod error;
pub mod exit;
mod explain;
mod files;
mod key;
mod manifest;
mod memory;
pub mod process;
mod rotation;
mod serve;
mod settings;
mod ui;
mod usage;
mod vault;
mod verify;
