//! `postkey serve`, asked directly.

mod activation;
mod clients;
mod dead;
mod decoys;
mod floods;
mod fresh;
pub mod http;
pub mod limits;
mod listening;
pub mod logins;
pub mod lookalikes;
mod networks;
mod policy;
pub mod recording;
mod scarcity;
pub mod server;
mod socket;
mod stopping;
mod verdicts;
mod waiting;
