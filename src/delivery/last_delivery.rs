//! Offers to deliver a new secret where the one before was delivered.

use crate::context::Context;
use crate::delivery::options::DeliveryOptions;
use crate::destination::DestinationText;
use crate::error::Error;
use crate::files::shell_word;
use crate::vault::{Record, Vault};

impl DeliveryOptions {
    /// The options to deliver where the key's last secret was, if none were given and a person on
    /// a terminal wants that; elsewhere a note says how.
    ///
    /// # Errors
    /// If the vault or the answer cannot be read.
    pub fn as_last_time(
        &self,
        seen: &Record,
        vault: &Vault,
        context: &Context,
    ) -> Result<Option<Self>, Error> {
        if self.given().is_some() {
            return Ok(None);
        }
        let Some(last) = vault.last_delivery(seen.id)? else {
            return Ok(None);
        };
        let to = last.destination.parse::<DestinationText>().ok();
        let Some(to) = to.filter(|to| to.kind() != "command") else {
            return Ok(None);
        };
        let (name, ui) = (&seen.key.name, &context.ui);
        let when = context.display().moment_and_distance(last.at);
        let place = format!("the secret of `{name}` was delivered to `{to}` {when}");
        if context.is_yes || !ui.is_interactive() || !ui.is_on_terminal() {
            let word = shell_word(last.destination.as_ref());
            ui.note(format!("{place}; --to {word} delivers there"));
            return Ok(None);
        }
        ui.note(place);
        let is_wanted = ui.confirm("Deliver the new one there?")?;
        Ok(is_wanted.then(|| Self {
            to: Some(to),
            ..Self::default()
        }))
    }
}
