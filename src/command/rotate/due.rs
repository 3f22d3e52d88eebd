//! Rotates what is due by itself.

use crate::context::Context;
use crate::context::dry_run::DryRun;
use crate::context::key_selector::KeySelector;
use crate::context::selection::{KeysToRead, NameArgument, chosen_or_all, each};
use crate::delivery::{RotationPlace, RotationRun, RotationTerms};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::KeyName;
use crate::vault::{Record, SortOrder, Vault};

/// Continues the rotation of each key that is due or already being rotated.
pub(super) fn run(
    names: Vec<NameArgument>,
    selector: &KeySelector,
    dry_run: DryRun,
    context: &mut Context,
) -> Result<ExitStatus, Error> {
    let KeysToRead { names, vault } = chosen_or_all(names, selector, context)?;
    drop(vault);
    let mut vault = context.open_to(dry_run)?;
    let mut run = RotationRun::begin(dry_run);
    let done = match names {
        Some(names) => Ok(each(&names, context, |wanted, context| {
            let seen = wanted.find(&vault)?;
            advance(&seen.key.name, &mut run, &mut vault, context)
        })),
        None => all(&mut run, &mut vault, context),
    };
    // What was done before an error is shown, too.
    run.finish(context)?;
    done
}

/// Continues all rotations; unreadable keys are reported.
fn all(run: &mut RotationRun, vault: &mut Vault, context: &Context) -> Result<ExitStatus, Error> {
    let mut status = ExitStatus::Done;
    let mut page = vault.first_page(SortOrder::Name)?;
    let mut is_more = true;
    while is_more {
        let mut records = Vec::new();
        is_more = vault.next_page(&mut page, |found| match found {
            Ok(record) => records.push(record),
            Err(error) => status = status.max(context.report(error.into())),
        })?;
        let names = candidates(&records, vault, context)?;
        run.skip(records.len() - names.len());
        for name in names {
            let done = advance(&name, run, vault, context);
            let done = done.unwrap_or_else(|error| context.report(error));
            status = status.max(done);
        }
    }
    Ok(status)
}

/// The keys of a page that are due or being rotated.
fn candidates(records: &[Record], vault: &Vault, context: &Context) -> Result<Vec<KeyName>, Error> {
    let keys: Vec<_> = records.iter().map(|record| record.id).collect();
    let (rotations, policies) = (vault.rotations(&keys)?, vault.policies(&keys)?);
    let mut secrets = vault.secrets_of(&keys)?;
    let now = Context::clock();
    let mut names = Vec::new();
    for record in records {
        let key = &record.key;
        let is_open = rotations.contains_key(&record.id) || key.retiring_at(now).is_some();
        let own = policies.get(&record.id).cloned().unwrap_or_default();
        let secrets = secrets.remove(&record.id).unwrap_or_default();
        let due_at = RotationTerms::of(&record.key, &secrets, &own, context).due_at;
        if is_open || due_at.is_some_and(|due_at| due_at <= now) {
            names.push(key.name.clone());
        }
    }
    Ok(names)
}

fn advance(
    name: &KeyName,
    run: &mut RotationRun,
    vault: &mut Vault,
    context: &Context,
) -> Result<ExitStatus, Error> {
    let record = vault.find(name)?;
    let secrets = vault.secrets(record.id)?;
    let terms = RotationTerms::of(&record.key, &secrets, &vault.policy(record.id)?, context);
    let place = RotationPlace::remembered(&record, vault, context)?;
    run.take(name, terms, place, vault, context)
}
