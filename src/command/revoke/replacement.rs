//! The new secret of a revoked key.

use crate::context::Context;
use crate::delivery::options::{DeliveredKey, DeliveryOptions};
use crate::delivery::{NewSecret, SecretReplacement, Target, Transition};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{EffectiveStatus, Key, KeyName};
use crate::ui::{DisplayContext, extension};
use crate::vault::{Action, Record, Vault};

/// Gives a revoked key a new secret and activates it.
pub(super) fn replace_secret(
    seen: &Record,
    vault: &mut Vault,
    delivery: &DeliveryOptions,
    context: &Context,
) -> Result<Key, Error> {
    let target = target(seen, vault, delivery, context)?;
    let author = context.author(Action::Revoke);
    let replacement = SecretReplacement {
        seen,
        secret: NewSecret::generate(seen.key.kind(), &context.settings.brand)?,
        transition: Transition::Activating,
        target: &target,
        context,
    };
    let was_default = vault.default_id()? == Some(seen.id);
    let key = context.deliver(&replacement, vault, &author)?;
    let display = context.display();
    report(&seen.key, &key, &target, context, &display);
    context.warn_if_default_unsealed(&key, was_default);
    Ok(key)
}

/// The destination of the new secret.
pub(super) fn target(
    seen: &Record,
    vault: &Vault,
    delivery: &DeliveryOptions,
    context: &Context,
) -> Result<Target<'static>, Error> {
    delivery.expect(context)?;
    let subject = DeliveredKey {
        name: &seen.key.name,
        kind: seen.key.kind(),
        username: seen.key.username(),
        before: Some(&seen.key),
        overwrite: None,
    };
    delivery.target(&subject, Some(vault), context)
}

fn report(old: &Key, new: &Key, target: &Target<'_>, context: &Context, display: &DisplayContext) {
    let (name, old, tail) = (
        &new.name,
        display.secret(&old.tail),
        display.tail(&new.tail),
    );
    context.ui.note(format!(
        "`{name}` has a new secret, {tail}, and is active; {old} no longer works"
    ));
    target.report("it", false, context);
    if new.effective_status(display.now) == EffectiveStatus::Expired {
        context.ui.warn(format!(
            "`{name}` has expired and is still refused; {}",
            extension(new, display.now)
        ));
    }
}

/// The error, with its consequence for the key.
pub(super) fn stays_revoked(error: Error, name: &KeyName) -> Error {
    if error.exit_status() == ExitStatus::Unsure {
        return error;
    }
    let hint = error.hint().map(|hint| format!("{hint}; "));
    let hint = hint.unwrap_or_default();
    error.with_hint(format!(
        "{hint}`{name}` stays revoked; discard the new secret if it was written, and try again: \
         `postkey revoke --replace {name}`"
    ))
}
