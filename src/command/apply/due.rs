//! Continues the rotations of a manifest's keys, with its destinations and policies.

use super::source::ManifestSource;
use crate::context::Context;
use crate::context::dry_run::DryRun;
use crate::delivery::{RotationPlace, RotationRun, RotationTerms};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::manifest::{Manifest, ManifestKey};
use crate::vault::Vault;

/// Continues the rotation of each key that is due or already being rotated; failures are reported.
pub(super) fn run(
    manifest: &Manifest,
    source: &ManifestSource,
    dry_run: DryRun,
    context: &Context,
) -> Result<ExitStatus, Error> {
    let mut vault = context.open_to(dry_run)?;
    let mut run = RotationRun::begin(dry_run);
    let mut status = ExitStatus::Done;
    for wanted in &manifest.keys {
        let done = advance(wanted, source, &mut run, &mut vault, context);
        status = status.max(done.unwrap_or_else(|error| context.report(error)));
    }
    run.finish(context)?;
    Ok(status)
}

fn advance(
    wanted: &ManifestKey,
    source: &ManifestSource,
    run: &mut RotationRun,
    vault: &mut Vault,
    context: &Context,
) -> Result<ExitStatus, Error> {
    let record = vault.find(&wanted.name)?;
    let own = vault.policy(record.id)?.changed(&wanted.policy);
    let terms = RotationTerms::of(&record.key, &vault.secrets(record.id)?, &own, context);
    let place = RotationPlace {
        spec: wanted.destination.clone(),
        server: wanted.smtp.clone(),
        folder: source.folder.clone(),
    };
    run.take(&wanted.name, terms, Some(place), vault, context)
}
