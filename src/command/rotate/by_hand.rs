//! Ends an automatic rotation by hand: its destination must have the secret that remains.

use crate::context::Context;
use crate::delivery::{KeyRotation, RotationTerms};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::quoted;
use crate::rotation::RotationProgress;
use crate::vault::{Record, Vault};

/// Makes sure that the old secret is not in the destination again.
///
/// # Errors
/// If the rotation is being aborted.
pub(super) fn expect_new_delivered(seen: &Record, vault: &Vault) -> Result<(), Error> {
    let progress = vault.rotation(seen.id)?.map(|rotation| rotation.progress);
    match progress {
        Some(RotationProgress::Restoring | RotationProgress::Restored) => {
            let name = &seen.key.name;
            let message = format!("the rotation of `{name}` is being aborted: cannot finish");
            Err(Error::new(ExitStatus::No, message).with_hint(format!(
                "its destination has the old secret again; `postkey rotate --abort {name}` removes \
                 the new one"
            )))
        }
        _ => Ok(()),
    }
}

/// Delivers the old secret again, as far as possible.
pub(super) fn restore(seen: &Record, vault: &mut Vault, context: &Context) -> Result<(), Error> {
    let Some(rotation) = vault.rotation(seen.id)? else {
        return Ok(());
    };
    let (own, secrets) = (vault.policy(seen.id)?, vault.secrets(seen.id)?);
    let terms = RotationTerms::of(&seen.key, &secrets, &own, context);
    let restored = KeyRotation::new(terms, None, vault, context).restore_by_hand(seen);
    let place = rotation.destination.as_deref().map(quoted);
    let place = place.unwrap_or_else(|| "its destination".to_owned());
    match restored {
        Ok(()) => context.ui.note(format!("{place} has the old secret again")),
        Err(error) => context.ui.warn(format!(
            "{place} keeps the new secret, which stops working: {error}"
        )),
    }
    Ok(())
}
