//! From a presented secret to a decision, without sockets: as the vault has it at that moment, and
//! from memory while the vault is unchanged.

mod cache;
mod hash;
mod login;
mod refused;
mod request;
mod warm;

pub(super) use login::LoginAttempt;
pub(super) use request::{AuthRequest, Authorizer, Decision};
