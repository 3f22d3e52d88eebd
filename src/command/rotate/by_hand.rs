//! Ends an automatic rotation by hand: its destination must have the secret that remains.

use crate::context::Context;
use crate::delivery::{KeyRotation, RotationTerms};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::LockAttempt;
use crate::key::quoted;
use crate::process::{DeferredSignals, kill_by_signal};
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

/// Delivers the old secret again, and lets the application read it, as far as possible. Until the lock is
/// dropped, no run continues the rotation.
///
/// # Errors
/// If one does right now, or the vault cannot be read.
pub(super) fn restore(
    seen: &Record,
    vault: &mut Vault,
    context: &Context,
) -> Result<Option<LockAttempt>, Error> {
    if vault.rotation(seen.id)?.is_none() {
        return Ok(None);
    }
    let (own, secrets) = (vault.policy(seen.id)?, vault.secrets(seen.id)?);
    let terms = RotationTerms::of(&seen.key, &secrets, &own, context);
    let lock = KeyRotation::new(terms.clone(), None, vault, context).lock_by_hand(seen)?;
    // A run may just have ended it.
    let rotation = vault.rotation(seen.id)?;
    if let Some(rotation) = rotation.filter(|rotation| rotation.tail == seen.key.tail) {
        let place = rotation.destination.as_deref().map(quoted);
        let place = place.unwrap_or_else(|| "its destination".to_owned());
        restore_to(
            &place,
            seen,
            KeyRotation::new(terms, None, vault, context),
            context,
        );
    }
    if let Some(signal) = DeferredSignals::begin_once().signal() {
        context.rewrite_exports();
        kill_by_signal(signal);
    }
    Ok(lock)
}

fn restore_to(place: &str, seen: &Record, mut rotation: KeyRotation<'_>, context: &Context) {
    let ui = &context.ui;
    if let Err(error) = rotation.restore_by_hand(seen) {
        return ui.warn(format!(
            "{place} keeps the new secret, which stops working: {error}"
        ));
    }
    ui.note(format!("{place} has the old secret again"));
    if let Err(error) = rotation.run_after_by_hand(seen) {
        ui.warn(format!(
            "the application may still use the new secret, which stops working: {error}"
        ));
    }
}
