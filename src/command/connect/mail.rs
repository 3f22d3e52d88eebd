//! Configuration of mail servers that ask `serve` about logins.

use std::path::Path;

use super::facts::{TemplateFacts, fill};
use super::gateway::plain;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::settings::Listen;

/// Exim's authenticators, which ask Dovecot or `serve`.
pub(super) fn exim(facts: TemplateFacts) -> Result<String, Error> {
    let text = match facts.without_dovecot {
        false => include_str!("exim/dovecot.conf"),
        true => include_str!("exim/socket.conf"),
    };
    fill(text, facts)
}

/// The unix socket on which `serve` answers about logins.
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

/// The socket's folder.
pub(super) fn folder(listen: &Listen) -> Result<String, Error> {
    let socket = socket(listen)?;
    let folder = Path::new(&socket).parent().unwrap_or(Path::new("/"));
    Ok(plain(folder)?.to_owned())
}
