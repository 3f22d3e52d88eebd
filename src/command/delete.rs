//! `postkey delete`: deletes keys permanently.

use clap::Args;

use crate::context::Context;
use crate::context::confirmation::{PriorUse, USED_RECENTLY};
use crate::context::selection;
use crate::context::selection::{KeyPrompt, Selector, each};
use crate::context::usage_reader::UsageReader;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName};
use crate::ui::DisplayContext;
use crate::usage::UsageStore;
use crate::vault::{Action, KeyId, Record, Vault};

/// Delete keys permanently
///
/// Their secrets are refused from then on and cannot be restored; the audit log keeps its entries.
/// To refuse a key for a while, deactivate it. The vault keeps the digest of each secret, to
/// recognize later uses of it, unless --forget is given.
///
/// Shows when each key was last used, and asks for confirmation. A key that is active, or was used
/// in the last 7 days, is only deleted once its name is typed.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey delete ci
  postkey delete --yes ci old-ci
  postkey list --status expired --format csv | tail -n +2 | cut -d, -f1 | postkey delete --yes -")]
pub struct Delete {
    /// Keys to delete; `-` reads names from standard input, one per line
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<Selector>,
    /// Keep nothing but the audit log: the secrets are unknown if they are used later
    #[arg(long)]
    forget: bool,
    /// Confirm deleting the key with this name; may be repeated
    #[arg(long, value_name = "NAME", add = selection::completer())]
    confirm: Vec<KeyName>,
}

const QUESTION: KeyPrompt = KeyPrompt::of_any("Delete which key?");

pub(super) fn run(args: Delete, context: &mut Context) -> Result<ExitStatus, Error> {
    let names = selection::names(args.names, QUESTION, context)?;
    let Some(names) = names else {
        return Ok(selection::report_cancelled(context));
    };
    let mut vault = context.open_for_change()?;
    let display = context.display();
    let mut uses = context.uses(&vault);
    let mut deleted = Vec::new();
    let highest = each(&names, context, |name, context| {
        let record = vault.find(name)?;
        let to_delete = PendingDelete::new(&record, &mut uses, &display, context);
        if !to_delete.is_confirmed(&args.confirm, context)? {
            context.ui.note(format!("`{name}` was not deleted"));
            return Ok(ExitStatus::No);
        }
        delete(&record, args.forget, context, &mut vault)?;
        deleted.push(record);
        Ok(ExitStatus::Done)
    });
    context.show_keys(&deleted, &vault, display.now)?;
    if args.forget {
        forget_use(&deleted, context, &vault);
    }
    Ok(highest)
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

fn delete(seen: &Record, forget: bool, context: &Context, vault: &mut Vault) -> Result<(), Error> {
    vault.change(&context.author(Action::Delete), |change| {
        let found = change.expect_unedited(seen)?;
        change.delete(&found)?;
        match forget {
            true => change.forget_dead(found.id),
            false => Ok(()),
        }
    })?;
    context.ui.note(format!("`{}` is deleted", seen.key.name));
    Ok(())
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
