//! Creates the keys of a plan.

use std::collections::HashSet;

use super::scheme::Scheme;
use crate::context::{Context, random};
use crate::delivery::{BATCH_SIZE, NewKey, SecretSupply, deliver_all};
use crate::error::Error;
use crate::files;
use crate::key::{KeyName, KeyPolicy, Username};
use crate::manifest::{ManifestKey, Step};
use crate::process::DeferredSignals;
use crate::vault::{Action, Author, Vault};

/// What all steps of a run share.
pub(super) struct ApplyRun<'a> {
    pub(super) scheme: &'a Scheme<'a>,
    /// The keys to delete.
    pub(super) deleted: Vec<KeyName>,
    /// The signals that end the run early.
    pub(super) signals: DeferredSignals,
    /// The secrets of the new keys.
    pub(super) supply: SecretSupply,
}

/// How many of the first steps can be done as one batch: keys whose secrets go to a file each. A
/// command is run alone, so that no other secret waits for it.
pub(super) fn together(steps: &[Step<'_>]) -> usize {
    let mut files = HashSet::new();
    let mut is_apart = |step: &&Step<'_>| {
        let file = step.created().and_then(|wanted| wanted.destination.file());
        file.is_some_and(|file| files.insert(files::real(file)))
    };
    let apart = steps.iter().take(BATCH_SIZE).take_while(&mut is_apart);
    apart.count().max(1)
}

/// Creates keys and delivers their secrets; returns the result of each.
pub(super) fn create(
    steps: &[Step<'_>],
    work: &ApplyRun<'_>,
    vault: &mut Vault,
    context: &Context,
) -> Vec<Result<(), Error>> {
    let author = context.author(Action::Apply);
    let wanted: Vec<_> = steps.iter().filter_map(Step::created).collect();
    let begin = |wanted: &&ManifestKey| work.new_key(wanted, &author, context);
    let begun: Vec<_> = wanted.iter().map(begin).collect();
    let ready: Vec<_> = begun.iter().flatten().collect();
    let mut ended = deliver_all(&ready, vault, &author).into_iter();
    let end = |(begun, wanted): (Result<NewKey<'_>, Error>, &ManifestKey)| {
        let name = begun?.key.name;
        ended.next().expect("as many end as began")?;
        let created = format!(
            "created `{name}`; delivered its secret to {}",
            wanted.destination
        );
        context.ui.note(created);
        Ok(())
    };
    begun.into_iter().zip(wanted).map(end).collect()
}

impl<'a> ApplyRun<'a> {
    fn new_key(
        &'a self,
        wanted: &ManifestKey,
        author: &Author,
        context: &'a Context,
    ) -> Result<NewKey<'a>, Error> {
        let secret = self.supply.take(wanted.kind)?;
        let generated = Username::generated(random()?);
        let key = wanted.key(&context.settings, generated, secret.tail(), author.clock)?;
        let signals = Some(self.signals.clone());
        Ok(NewKey {
            key,
            policy: KeyPolicy::default().changed(&wanted.policy),
            secret,
            is_staged: false,
            target: self.scheme.target(wanted, &self.deleted, signals)?,
            context,
        })
    }
}
