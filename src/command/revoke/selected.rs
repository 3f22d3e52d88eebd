//! Revokes the keys that a selector matches.

use super::revocation::{REVOCATION, Revocation, RevokedKey, rewrite_exports};
use crate::command::activate::StatusChange;
use crate::context::Context;
use crate::context::dry_run::DryRun;
use crate::context::key_selector::KeySelector;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, Status};
use crate::ui::counted;

/// What became of a revocation of selected keys.
pub(super) enum SelectedRevocation {
    Revoked(Box<Revocation>),
    /// No key matched, or it was not confirmed.
    Nothing(ExitStatus),
}

/// Revokes selected keys after confirmation, all or none.
pub(super) fn revoke(
    selector: &KeySelector,
    is_replacing: bool,
    dry_run: DryRun,
    context: &Context,
) -> Result<SelectedRevocation, Error> {
    let fits = |key: &Key, _| key.status == Status::Active && !key.is_decoy;
    let vault = context.open()?;
    let keys = context.select(selector, Some(fits), &vault)?;
    if keys.are_none() {
        // Repeating the command makes up for exports that it failed to rewrite.
        context.open_to(dry_run)?;
        context.show_keys(&[], &vault, Context::clock())?;
        context.note_dry_run(dry_run);
        return Ok(SelectedRevocation::Nothing(keys.status));
    }
    drop(vault);
    if is_replacing && keys.count() > 1 {
        let message = format!(
            "--replace works for one key only, and {} match",
            keys.counted()
        );
        let hint =
            "revoke them; `postkey revoke --replace NAME` then creates a new secret for each";
        return Err(Error::usage(message).with_hint(hint));
    }
    let change = StatusChange {
        dry_run,
        ..REVOCATION
    };
    match dry_run.is_dry_run {
        true if context.ui.format.is_for_machines() => {}
        true => keys.print(context)?,
        false if keys.is_confirmed(change.verb, context)? => {}
        false => return Ok(SelectedRevocation::Nothing(ExitStatus::No)),
    }
    let mut vault = context.open_to(dry_run)?;
    let records = change.all(&keys, context, &mut vault)?;
    if !dry_run.is_dry_run {
        let keys = counted(records.len() as i64, "key was", "keys were");
        context.note_done(format!("{keys} revoked"));
    }
    let stopped = records.into_iter().map(|record| RevokedKey {
        // Only the report lacks them; the key is revoked.
        secrets: vault.secrets(record.id).unwrap_or_default(),
        record,
        seen: None,
    });
    let stopped = stopped.collect();
    let status = keys.status.max(rewrite_exports(dry_run, context));
    let revocation = Revocation::new(vault, stopped, status);
    Ok(SelectedRevocation::Revoked(Box::new(revocation)))
}
