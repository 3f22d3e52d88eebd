//! What mail servers are configured with that ask `serve` about a login.

use std::path::Path;

use super::facts::{TemplateFacts, fill};
use super::gateway::plain;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::settings::Listen;

/// Exim's authenticators, which ask Dovecot, or `serve` where there is none.
pub(super) fn exim(facts: TemplateFacts) -> Result<String, Error> {
    let text = match facts.without_dovecot {
        false => include_str!("exim/dovecot.conf"),
        true => include_str!("exim/socket.conf"),
    };
    fill(text, facts)
}

/// The socket on which `serve` answers about logins.
pub(super) fn socket(listen: &Listen) -> Result<String, Error> {
    match listen {
        Listen::Unix(path) => Ok(plain(path)?.to_owned()),
        Listen::Tcp(_) => {
            let message = format!(
                "`serve` checks logins only on a unix socket, but the settings have it listen on \
                 `{listen}`"
            );
            let hint = "set `listen = \"unix:/run/postkey/postkey.sock\"` under [serve] in the \
                        settings";
            Err(Error::new(ExitStatus::Trouble, message).with_hint(hint))
        }
    }
}

/// The folder that the socket is in.
pub(super) fn folder(listen: &Listen) -> Result<String, Error> {
    let socket = socket(listen)?;
    let folder = Path::new(&socket).parent().unwrap_or(Path::new("/"));
    Ok(plain(folder)?.to_owned())
}
