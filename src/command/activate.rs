//! `postkey activate`: activates deactivated keys.

use clap::Args;
use jiff::Timestamp;

use super::decoy;
use crate::context::Context;
use crate::context::dry_run::DryRun;
use crate::context::key_selector::KeySelector;
use crate::context::selected_keys::{KeyVerb, SelectedKeys};
use crate::context::selection;
use crate::context::selection::{ChosenKeys, KeyPrompt, NameArgument, NameList, WantedName, each};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{EffectiveStatus, Key, KeyName, Status};
use crate::ui::extension;
use crate::vault::{self, Action, Change, Contradiction, Record, Vault};

/// Activate deactivated keys
///
/// Their secrets do not change. A key that is already active stays active.
///
/// Selectors such as --label choose inactive keys instead of names, and all of them are activated or
/// none: on a terminal it shows them and asks for confirmation. Revoked keys are skipped, since
/// their secrets have leaked. If no key matches, it exits 0.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey activate ci
  postkey activate --label team=shop --dry-run")]
pub struct Activate {
    /// Keys to activate; `-` reads names from standard input, one per line
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<NameArgument>,
    #[command(flatten)]
    selector: KeySelector,
    #[command(flatten)]
    dry_run: DryRun,
}

const QUESTION: KeyPrompt = KeyPrompt {
    text: "Activate which key?",
    fits: Some(|key, _| key.status == Status::Inactive && !key.is_decoy),
    none: "no key is inactive",
};

pub(super) fn run(args: Activate, context: &mut Context) -> Result<ExitStatus, Error> {
    let change = StatusChange {
        status: Status::Active,
        action: Action::Activate,
        verb: KeyVerb {
            doing: "activating",
            question: "Activate",
        },
        dry_run: args.dry_run,
    };
    match selection::chosen(args.names, &args.selector, QUESTION, context)? {
        None => Ok(selection::report_cancelled(context)),
        Some(ChosenKeys::Named(names)) => change.each(&names, context, |_, _, _| Ok(true)),
        Some(ChosenKeys::Selected(mut keys)) => {
            skip_revoked(&mut keys, context)?;
            change.selected(&keys, context)
        }
    }
}

/// Leaves out keys whose secrets have leaked: whoever activates many keys may not know of those.
fn skip_revoked(keys: &mut SelectedKeys, context: &Context) -> Result<(), Error> {
    let vault = context.open()?;
    keys.retain(|record| {
        let is_revoked = vault.is_revoked(record.id)?;
        if is_revoked {
            let name = &record.key.name;
            context.ui.warn(format!(
                "`{name}` was revoked: skipped; `postkey activate {name}` activates it all the same"
            ));
        }
        Ok(!is_revoked)
    })
}

/// A change of keys' status.
#[derive(Clone, Copy)]
pub(super) struct StatusChange {
    pub(super) status: Status,
    pub(super) action: Action,
    pub(super) verb: KeyVerb,
    pub(super) dry_run: DryRun,
}

/// A key whose status was changed.
pub(super) struct ChangedStatus {
    before: Record,
    after: Key,
    contradictions: Vec<Contradiction>,
}

impl StatusChange {
    /// Changes each key after confirmation, and reports it.
    pub(super) fn each(
        &self,
        names: &NameList,
        context: &mut Context,
        is_confirmed: impl Fn(&KeyName, &Context, &Vault) -> Result<bool, Error>,
    ) -> Result<ExitStatus, Error> {
        let mut vault = context.open_to(self.dry_run)?;
        let now = Context::clock();
        let mut changed = Vec::new();
        let highest = each(names, context, |WantedName { name, .. }, context| {
            if !self.dry_run.is_dry_run && !is_confirmed(name, context, &vault)? {
                return Ok(ExitStatus::No);
            }
            changed.push(self.one(name, context, &mut vault)?);
            Ok(ExitStatus::Done)
        });
        context.show_keys(&changed, &vault, now)?;
        context.note_dry_run(self.dry_run);
        Ok(highest)
    }

    /// Changes selected keys after confirmation, all or none.
    pub(super) fn selected(
        &self,
        keys: &SelectedKeys,
        context: &mut Context,
    ) -> Result<ExitStatus, Error> {
        let is_dry_run = self.dry_run.is_dry_run;
        if is_dry_run && !context.ui.format.is_for_machines() && !keys.are_none() {
            keys.print(context)?;
        }
        if !is_dry_run && !keys.are_none() && !keys.is_confirmed(self.verb, context)? {
            return Ok(ExitStatus::No);
        }
        let mut vault = context.open_to(self.dry_run)?;
        let changed = self.all(keys, context, &mut vault)?;
        context.show_keys(&changed, &vault, Context::clock())?;
        context.note_dry_run(self.dry_run);
        Ok(keys.status)
    }

    /// Changes selected keys in one transaction, and reports each.
    pub(super) fn all(
        &self,
        keys: &SelectedKeys,
        context: &Context,
        vault: &mut Vault,
    ) -> Result<Vec<Record>, Error> {
        let author = context.author(self.action);
        let changed = Context::change(self.dry_run, vault, &author, |change| {
            let of = |seen: &Record| {
                let changed = self.write(&seen.key.name, change)?;
                match changed.before.id == seen.id {
                    true => Ok(changed),
                    false => Err(vault::Error::Changed(seen.key.name.clone()).into()),
                }
            };
            keys.records().map(of).collect::<Result<Vec<_>, Error>>()
        })?;
        let changed = changed.into_iter();
        Ok(changed
            .map(|changed| self.report(changed, author.clock, context))
            .collect())
    }

    /// Changes one key, and reports it.
    pub(super) fn one(
        &self,
        name: &KeyName,
        context: &Context,
        vault: &mut Vault,
    ) -> Result<Record, Error> {
        let author = context.author(self.action);
        let changed = Context::change(self.dry_run, vault, &author, |change| {
            self.write(name, change)
        })?;
        Ok(self.report(changed, author.clock, context))
    }

    fn write(&self, name: &KeyName, change: &Change<'_>) -> Result<ChangedStatus, Error> {
        let before = match self.status {
            Status::Active => change.find(name)?,
            // Deactivation works whatever is wrong with the key.
            Status::Inactive => change.find_unverified(name)?,
        };
        let contradictions = change.contradictions(&before).unwrap_or_default();
        // That includes a key that was made a decoy by an edit of the vault.
        if contradictions.is_empty() {
            decoy::expect_none(&before.key, "it cannot be activated or deactivated")?;
        }
        let after = Key {
            status: self.status,
            ..before.key.clone()
        };
        if after != before.key {
            change.save(&before, &after)?;
        }
        Ok(ChangedStatus {
            before,
            after,
            contradictions,
        })
    }

    fn report(&self, changed: ChangedStatus, now: Timestamp, context: &Context) -> Record {
        let ChangedStatus {
            before,
            after,
            contradictions,
        } = changed;
        for contradiction in contradictions {
            let error = Error::from(vault::Error::Contradicted(contradiction));
            context.ui.warn(error.to_string());
        }
        let (name, word) = (&after.name, after.status.into_str());
        context.ui.note(match before.key.status == after.status {
            true => format!("`{name}` is already {word}"),
            false if self.dry_run.is_dry_run => format!("`{name}` would be {word}"),
            false => format!("`{name}` is now {word}"),
        });
        if after.effective_status(now) == EffectiveStatus::Expired {
            context.ui.warn(format!(
                "`{name}` has expired and is still refused; {}",
                extension(&after, now)
            ));
        }
        Record {
            key: after,
            ..before
        }
    }
}
