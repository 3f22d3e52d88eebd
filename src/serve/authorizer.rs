//! Decides on presented secrets, without sockets: from the current vault, or from memory while the
//! vault is unchanged.

mod cache;
mod hash;
mod login;
mod refused;
mod request;
mod warm;

pub(super) use login::LoginAttempt;
pub(super) use request::{AuthRequest, Authorizer, Decision};
