//! `postkey serve`, asked directly.

mod activation;
mod clients;
mod fresh;
pub mod http;
mod limits;
mod listening;
mod logins;
mod recording;
pub mod server;
mod stopping;
mod verdicts;
