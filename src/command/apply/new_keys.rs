//! The keys that a plan creates.

use std::collections::HashSet;

use super::Scheme;
use super::steps::Work;
use crate::context::{Context, random};
use crate::delivery::{
    ChildCommand, Destination, NewKey, Overwriting, TOGETHER, Target, deliver_all,
};
use crate::error::Error;
use crate::files;
use crate::key::{KeyName, KeyVariables, Username};
use crate::manifest::{Step, WantedDestination, WantedKey};
use crate::process::DeferredSignals;
use crate::ui::Format;
use crate::vault::{Action, Author, Vault};

/// How many of the first steps are done together: keys whose secrets go to a file each. Nobody
/// waits for a command while secrets of others are not valid yet.
pub(super) fn together(steps: &[Step<'_>]) -> usize {
    let mut files = HashSet::new();
    let mut is_apart = |step: &&Step<'_>| {
        let file = step.made().and_then(|wanted| wanted.place.file());
        file.is_some_and(|file| files.insert(files::real(file)))
    };
    let apart = steps.iter().take(TOGETHER).take_while(&mut is_apart);
    apart.count().max(1)
}

/// Creates keys and delivers their secrets: the result of each.
pub(super) fn create(
    steps: &[Step<'_>],
    work: &Work<'_>,
    vault: &mut Vault,
    context: &Context,
) -> Vec<Result<(), Error>> {
    let author = context.author(Action::Apply);
    let wanted: Vec<_> = steps.iter().filter_map(Step::made).collect();
    let begin = |wanted: &&WantedKey| work.new_key(wanted, &author, context);
    let begun: Vec<_> = wanted.iter().map(begin).collect();
    let ready: Vec<_> = begun.iter().flatten().collect();
    let mut ended = deliver_all(&ready, vault, &author).into_iter();
    let end = |(begun, wanted): (Result<NewKey<'_>, Error>, &WantedKey)| {
        let name = begun?.key.name;
        ended.next().expect("as many end as began")?;
        let created = format!("created `{name}`; delivered its secret to {}", wanted.place);
        context.ui.note(created);
        Ok(())
    };
    begun.into_iter().zip(wanted).map(end).collect()
}

impl<'a> Work<'a> {
    fn new_key(
        &'a self,
        wanted: &WantedKey,
        author: &Author,
        context: &'a Context,
    ) -> Result<NewKey<'a>, Error> {
        let secret = self.supply.take(wanted.kind)?;
        let generated = Username::made_up(random()?);
        let key = wanted.key(&context.settings, generated, secret.tail(), author.clock)?;
        let signals = Some(self.signals.clone());
        Ok(NewKey {
            key,
            secret,
            is_staged: false,
            target: self.scheme.target(wanted, &self.deleted, signals),
            context,
        })
    }
}

impl Scheme<'_> {
    /// Where the secret of a key goes, and whether it may replace those of others: of keys that are
    /// deleted it may. A command is stopped by signals.
    pub(super) fn target<'d>(
        &self,
        wanted: &WantedKey,
        deleted: &'d [KeyName],
        signals: Option<DeferredSignals>,
    ) -> Target<'d> {
        Target {
            name: wanted.name.clone(),
            kind: wanted.kind,
            username: wanted.username.clone(),
            destination: self.destination(&wanted.place, signals),
            is_masked: false,
            old: Vec::new(),
            is_found: false,
            overwriting: Overwriting {
                is_allowed: self.is_replacing,
                except: deleted,
                hint: "let `save` name another file or variable; or pass --replace if that is \
                       obsolete",
            },
        }
    }

    fn destination(
        &self,
        wanted: &WantedDestination,
        signals: Option<DeferredSignals>,
    ) -> Destination {
        match wanted.clone() {
            WantedDestination::Variables {
                file,
                username,
                secret,
            } => Destination::EnvFile {
                path: file,
                variables: KeyVariables { username, secret },
                also: Vec::new(),
            },
            WantedDestination::File(path) => Destination::File {
                path,
                format: Format::Text,
            },
            WantedDestination::Command { words, timeout } => Destination::Command(ChildCommand {
                words,
                folder: self.source.folder.clone(),
                timeout,
                signals,
            }),
        }
    }
}
