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

/// Where Debian's Postfix is confined to.
const POSTFIX_FOLDER: &str = "/var/spool/postfix/";

/// What the check of each recipient is for, or how to get one, as comments.
pub(super) fn policy_note(listen: Option<&Listen>) -> Result<String, Error> {
    Ok(match listen {
        Some(_) => include_str!("postfix/policy.cf"),
        None => include_str!("postfix/no-policy.cf"),
    }
    .to_owned())
}

/// The check of each recipient, before other restrictions.
pub(super) fn policy_service(listen: Option<&Listen>) -> Result<String, Error> {
    let check = listen.map(|listen| Ok(format!("{},", policy_check(listen)?)));
    check.unwrap_or(Ok(String::new()))
}

/// The check at the end of each mail.
pub(super) fn policy_at_end(listen: Option<&Listen>) -> Result<String, Error> {
    let Some(listen) = listen else {
        return Ok(String::new());
    };
    let check = policy_check(listen)?;
    Ok(format!(
        "# The same question once more when a mail is complete.\n  \
         -o smtpd_end_of_data_restrictions={check}\n  -o smtpd_policy_service_timeout=10s\n"
    ))
}

/// The restriction that asks `serve`, as Postfix names its address.
fn policy_check(listen: &Listen) -> Result<String, Error> {
    let address = match listen {
        Listen::Tcp(address) => format!("inet:{address}"),
        Listen::Unix(path) => {
            let inside = plain(path)?.strip_prefix(POSTFIX_FOLDER).ok_or_else(|| {
                let message =
                    format!("Postfix is confined to {POSTFIX_FOLDER}, and cannot reach `{listen}`");
                let hint = "set `policy` under [serve] in the settings to a socket in there, or to \
                            `127.0.0.1:7626`";
                Error::new(ExitStatus::Trouble, message).with_hint(hint)
            })?;
            format!("unix:{inside}")
        }
    };
    Ok(format!("check_policy_service,{address}"))
}
