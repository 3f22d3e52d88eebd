//! Postfix's policy delegation protocol (postfix.org, SMTP access policy delegation): before it
//! accepts a recipient or a mail, Postfix asks whether the key that logged in may still send it.
//!
//! A login is judged once, when it happens; this is what reaches sessions that are open already.

mod connection;
mod decision;
mod request;
mod response;

pub(super) use connection::serve;
