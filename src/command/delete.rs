//! `postkey delete`: deletes keys permanently.

use std::mem;

use clap::Args;
use jiff::Timestamp;

use crate::context::Context;
use crate::context::confirmation::{PriorUse, USED_RECENTLY};
use crate::context::dry_run::DryRun;
use crate::context::key_selector::KeySelector;
use crate::context::selected_keys::SelectedKeys;
use crate::context::selection;
use crate::context::selection::{ChosenKeys, KeyPrompt, NameArgument, NameList, WantedName, each};
use crate::context::usage_reader::UsageReader;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName};
use crate::ui::{DisplayContext, counted};
use crate::usage::UsageStore;
use crate::vault::{self, Action, KeyId, Record, Vault};

/// Delete keys permanently
///
/// Their secrets are refused from then on and cannot be restored; the audit log keeps its entries.
/// To refuse a key for a while, deactivate it. The vault keeps the digest of each secret, to
/// recognize later uses of it, unless --forget is given.
///
/// Shows when each key was last used, and asks for confirmation. A key that is active, or was used
/// in the last 7 days, is only deleted once its name is typed.
///
/// Selectors such as --status choose keys instead of names, and all of them are deleted or none;
/// decoys only with --status decoy. If no key matches, it exits 0.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey delete ci
  postkey delete --yes ci old-ci
  postkey delete --status expired --unused 90d --dry-run
  postkey list --names 'ci-*' | postkey delete --yes -")]
pub struct Delete {
    /// Keys to delete; `-` reads names from standard input, one per line
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<NameArgument>,
    #[command(flatten)]
    selector: KeySelector,
    #[command(flatten)]
    dry_run: DryRun,
    /// Keep nothing but the audit log: the secrets are unknown if they are used later
    #[arg(long)]
    forget: bool,
    /// Confirm deleting the key with this name; may be repeated
    #[arg(long, value_name = "NAME", add = selection::completer())]
    confirm: Vec<KeyName>,
}

const QUESTION: KeyPrompt = KeyPrompt::of_any("Delete which key?");

pub(super) fn run(mut args: Delete, context: &mut Context) -> Result<ExitStatus, Error> {
    let given = mem::take(&mut args.names);
    if let (Some(flag), false) = (args.selector.given(), args.confirm.is_empty()) {
        let message = format!("--confirm names a key, and {flag} selects them");
        return Err(Error::usage(message).with_hint("pass --yes, or name the keys"));
    }
    match selection::chosen(given, &args.selector, QUESTION, context)? {
        None => Ok(selection::report_cancelled(context)),
        Some(ChosenKeys::Named(names)) => args.named(&names, context),
        Some(ChosenKeys::Selected(keys)) => args.selected(&keys, context),
    }
}

impl Delete {
    /// Deletes each key after confirmation.
    fn named(&self, names: &NameList, context: &mut Context) -> Result<ExitStatus, Error> {
        let mut vault = context.open_to(self.dry_run)?;
        let display = context.display();
        let mut uses = context.uses(&vault);
        let mut deleted = Vec::new();
        let highest = each(names, context, |WantedName { name, .. }, context| {
            let record = vault.find(name)?;
            let to_delete = PendingDelete::new(&record, &mut uses, &display, context);
            let is_dry_run = self.dry_run.is_dry_run;
            if is_dry_run && deleted.iter().any(|gone: &Record| gone.id == record.id) {
                return Err(vault::Error::NoSuchKey(name.clone()).into());
            }
            if !is_dry_run && !to_delete.is_confirmed(&self.confirm, context)? {
                context.ui.note(format!("`{name}` was not deleted"));
                return Ok(ExitStatus::No);
            }
            self.delete([&record], context, &mut vault)?;
            deleted.push(record);
            Ok(ExitStatus::Done)
        });
        self.finish(&deleted, display.now, context, &vault)?;
        Ok(highest)
    }

    /// Deletes selected keys after confirmation, all or none.
    fn selected(&self, keys: &SelectedKeys, context: &Context) -> Result<ExitStatus, Error> {
        let mut vault = context.open_to(self.dry_run)?;
        let display = context.display();
        let deleted: Vec<Record> = keys.records().cloned().collect();
        if !deleted.is_empty() {
            let mut uses = context.uses(&vault);
            let all = deleted.iter();
            let all = all.map(|seen| PendingDelete::new(seen, &mut uses, &display, context));
            let all: Vec<_> = all.collect();
            match self.dry_run.is_dry_run {
                true if context.ui.format.is_for_machines() => {}
                true => keys.print(context)?,
                false => {
                    let hint = "pass --yes; to see the keys first, use --dry-run";
                    if !are_confirmed(&all, hint, || keys.show(context), context)? {
                        context.ui.note("nothing was deleted");
                        return Ok(ExitStatus::No);
                    }
                }
            }
            self.delete(&deleted, context, &mut vault)?;
        }
        self.finish(&deleted, display.now, context, &vault)?;
        Ok(keys.status)
    }

    /// Deletes keys in one transaction, and reports each.
    fn delete<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a Record> + Copy,
        context: &Context,
        vault: &mut Vault,
    ) -> Result<(), Error> {
        let author = context.author(Action::Delete);
        Context::change(self.dry_run, vault, &author, |change| {
            keys.into_iter().try_for_each(|seen| {
                let found = change.expect_unedited(seen)?;
                change.delete(&found)?;
                match self.forget {
                    true => change.forget_dead(found.id),
                    false => Ok(()),
                }
            })
        })?;
        for seen in keys {
            let done = match self.dry_run.is_dry_run {
                true => "would be deleted",
                false => "is deleted",
            };
            context.ui.note(format!("`{}` {done}", seen.key.name));
        }
        Ok(())
    }

    /// Shows the deleted keys to programs, and forgets their use.
    fn finish(
        &self,
        deleted: &[Record],
        now: Timestamp,
        context: &Context,
        vault: &Vault,
    ) -> Result<(), Error> {
        context.show_keys(deleted, vault, now)?;
        if self.forget && !self.dry_run.is_dry_run {
            forget_use(deleted, context, vault);
        }
        context.note_dry_run(self.dry_run);
        Ok(())
    }
}

/// Asks whether several keys may be deleted, once they are shown: --yes is enough, but a yes only
/// if none of them is valid or was used recently.
pub(super) fn are_confirmed(
    keys: &[PendingDelete<'_>],
    hint: &str,
    show: impl FnOnce(),
    context: &Context,
) -> Result<bool, Error> {
    if context.is_yes {
        keys.iter().for_each(|key| key.warn_of_recent_use(context));
        return Ok(true);
    }
    let count = counted(keys.len() as i64, "key", "keys");
    let needed = format!("deleting {count} requires confirmation");
    context.ui.expect_interactive(&needed, hint)?;
    show();
    match keys
        .iter()
        .any(|key| key.is_valid() || key.is_used_recently())
    {
        false => context.ui.confirm(&format!("Delete {count}?")),
        true => is_one_typed(keys, context),
    }
}

/// Asks for the name of one of the keys; an empty line or the end of input cancels.
fn is_one_typed(keys: &[PendingDelete<'_>], context: &Context) -> Result<bool, Error> {
    let question = match keys {
        [_] => "It is active, or was used in the last 7 days. Type its name to confirm",
        _ => {
            "Some are active, or were used in the last 7 days. Type the name of one of the keys \
             to delete all of them"
        }
    };
    let typed = context.ui.line(question)?;
    let Some(typed) = typed.filter(|typed| !typed.is_empty()) else {
        return Ok(false);
    };
    let typed = typed.parse::<KeyName>();
    let is_one = typed.is_ok_and(|typed| keys.iter().any(|key| key.name().is_same(&typed)));
    if !is_one {
        context.ui.note("the name does not match");
    }
    Ok(is_one)
}

/// Deletes the usage record of deleted keys.
fn forget_use(deleted: &[Record], context: &Context, vault: &Vault) {
    let ids: Vec<KeyId> = deleted.iter().map(|record| record.id).collect();
    let usage = UsageStore::open(vault, context.settings.wait);
    let forgotten = usage.and_then(|usage| usage.map_or(Ok(()), |mut usage| usage.forget(&ids)));
    if let Err(error) = forgotten {
        context
            .ui
            .warn(format!("their usage record was not deleted: {error}"));
    }
}

/// A key to be deleted.
pub(super) struct PendingDelete<'a> {
    key: &'a Key,
    pub(super) used: PriorUse<'a>,
    display: &'a DisplayContext,
}

impl<'a> PendingDelete<'a> {
    pub(super) fn new(
        record: &'a Record,
        uses: &mut UsageReader,
        display: &'a DisplayContext,
        context: &Context,
    ) -> Self {
        Self {
            key: &record.key,
            used: PriorUse::of(record, uses, display, context),
            display,
        }
    }
}

impl PendingDelete<'_> {
    fn is_confirmed(&self, confirmed: &[KeyName], context: &Context) -> Result<bool, Error> {
        let name = &self.key.name;
        if confirmed.iter().any(|confirmed| confirmed.is_same(name)) {
            return Ok(true);
        }
        if context.is_yes {
            self.warn_of_recent_use(context);
            return Ok(true);
        }
        let needed = match confirmed {
            [] => format!("deleting `{name}` requires confirmation"),
            [other, ..] => format!("--confirm {other} does not confirm deleting `{name}`"),
        };
        let hint = format!("pass --yes, or --confirm {name}");
        context.ui.expect_interactive(&needed, &hint)?;
        self.warn_of_loss(context);
        if self.is_valid() {
            return context.is_name_typed(name, "It is still active");
        }
        if self.is_used_recently() {
            return context.is_name_typed(name, USED_RECENTLY);
        }
        context.ui.confirm(&format!("Delete `{name}`?"))
    }

    pub(super) fn name(&self) -> &KeyName {
        &self.key.name
    }

    pub(super) fn is_valid(&self) -> bool {
        self.key.effective_status(self.display.now).is_valid()
    }

    pub(super) fn is_used_recently(&self) -> bool {
        self.used.is_recent()
    }

    pub(super) fn warn_of_recent_use(&self, context: &Context) {
        if self.is_used_recently() {
            let (name, used) = (&self.key.name, self.used.describe());
            context.ui.warn(format!("`{name}` was {used}"));
        }
    }

    pub(super) fn warn_of_loss(&self, context: &Context) {
        let Self { key, display, .. } = self;
        let (name, kind, effective_status) = (
            &key.name,
            key.kind().title(),
            key.effective_status(display.now),
        );
        let username = key.username().map(|username| format!(" for {username}"));
        let username = username.unwrap_or_default();
        let (tail, made) = (display.tail(&key.tail), display.distance(key.created_at));
        let note = |text: String| context.ui.note(text);
        note(format!("`{name}` will be permanently deleted:"));
        note(format!(
            "  {kind} key{username}, {effective_status}, secret {tail}, created {made}"
        ));
        if let Some(old) = key.retiring_at(display.now) {
            note(format!("  its old secret {}", display.retiring(old)));
        }
        note(format!("  {}", self.used.describe()));
        note("  whoever uses it will be refused".to_owned());
    }
}
