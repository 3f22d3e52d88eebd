//! The mail server with which a secret was delivered.

use crate::error::Error;
use crate::key::KeyName;
use crate::settings::SmtpServer;
use crate::vault::{LastDelivery, Vault};

/// Where a key's secret was delivered, and the mail server of its login there, if that was not the one
/// of the settings.
pub(super) fn last_server(
    name: &KeyName,
    vault: &Vault,
) -> Result<Option<(String, SmtpServer)>, Error> {
    let last = vault.last_delivery(vault.find(name)?.id)?;
    let server = |last: LastDelivery| Some((last.destination, last.server?.parse().ok()?));
    Ok(last.and_then(server))
}
