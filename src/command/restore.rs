//! `postkey restore`: restores a backup.

mod usage;

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use crate::arguments;
use crate::context::{Context, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::KeyName;
use crate::ui::{AffectedView, DisplayContext, contents_phrase, counted, format_head};
use crate::vault::{
    self, Action, AffectedKey, Author, Comparison, CurrentVault, Effect, Field, Head, Record, Vault,
};

/// Restore the vault from a backup
///
/// Shows what that does to each key, and asks for confirmation. Keys whose secrets are refused now,
/// because they were deactivated, deleted or given new secrets since the backup, BECOME VALID
/// AGAIN: their old secrets are accepted. Confirm that by typing the name of one of them. Keys
/// created since the backup are gone.
///
/// The current vault is first saved beside it as vault.db.before-restore-TIME. The backup is
/// written into the vault's file in one transaction: servers that read it use the restored keys
/// from their next request on. The audit log continues from the backup's newest entry, with an
/// entry for the restore; a log head that was saved after the backup will not match.
///
/// If there is no vault, it is created.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey restore --dry-run /srv/backup/postkey.db
  postkey restore /srv/backup/postkey.db
  postkey restore --yes --keep-inactive /srv/backup/postkey.db")]
pub struct Restore {
    /// A file written by `postkey backup`
    #[arg(value_parser = arguments::paths(), value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Only print what would happen; exit 1 if any key would change
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Deactivate keys that would become valid again
    #[arg(long, alias = "keep-stopped")]
    keep_inactive: bool,
    /// Confirm that keys become valid again, with the name of one of them
    #[arg(long, value_name = "NAME", add = selection::completer())]
    confirm: Option<KeyName>,
    /// Restore a backup even if verifying its audit log fails
    #[arg(long)]
    despite_log: bool,
}

pub(super) fn run(args: Restore, context: &mut Context) -> Result<ExitStatus, Error> {
    context.expect_own_home()?;
    let present = open_current(context)?;
    expect_another_file(&present, &args.file)?;
    let backup = read(&args, context)?;
    let plan = RestorePlan::new(&args, &backup, &present, context)?;
    plan.preview(context)?;
    if args.dry_run {
        let is_nothing = plan.comparison.affected.is_empty() && plan.trouble.is_none();
        return Ok(if is_nothing {
            ExitStatus::Done
        } else {
            ExitStatus::No
        });
    }
    if !plan.is_confirmed(&args, context)? {
        context.ui.note("nothing was restored");
        return Ok(ExitStatus::No);
    }
    restore(plan, backup, present, context)?;
    Ok(ExitStatus::Done)
}

fn read(args: &Restore, context: &Context) -> Result<Vault, Error> {
    let backup = Vault::read_backup(&args.file, context.settings.wait)?;
    let Some((entry, why)) = backup.verify_log()?.broken else {
        return Ok(backup);
    };
    let broken = vault::Error::BrokenLog(entry, why);
    if args.despite_log {
        context.ui.warn(format!("in the backup, {broken}"));
        return Ok(backup);
    }
    Err(vault::Error::Backup {
        path: args.file.clone(),
        why: Box::new(broken),
    }
    .into())
}

fn open_current(context: &Context) -> Result<CurrentVault, Error> {
    let path = context.settings.vault.expect_file()?;
    CurrentVault::open(path, context.settings.wait).map_err(|error| match error {
        error @ (vault::Error::NotAVault(_)
        | vault::Error::Sqlite(_)
        | vault::Error::Damaged(_)
        | vault::Error::Malformed(_)) => Error::from(error).with_hint(
            "if that is the damaged vault, stop the programs that use it, move the file away, and \
             restore again",
        ),
        error => error.into(),
    })
}

/// The effects of a restore.
struct RestorePlan {
    comparison: Comparison,
    display: DisplayContext,
    made_at: Option<Timestamp>,
    contents_phrase: String,
    is_stopping: bool,
    /// What is unknown because the vault is damaged.
    trouble: Option<String>,
    is_vault: bool,
    is_unrelated: bool,
}

impl RestorePlan {
    fn new(
        args: &Restore,
        backup: &Vault,
        present: &CurrentVault,
        context: &Context,
    ) -> Result<Self, Error> {
        let now = Context::clock();
        let vault = present.vault();
        let comparison = match vault {
            Some(vault) => vault.compare(backup, now)?,
            None => Comparison::default(),
        };
        let trouble = present.trouble().or(comparison.unread.as_ref());
        Ok(Self {
            trouble: trouble.map(ToString::to_string),
            display: context.display_at(now),
            made_at: backup.newest_entry()?.map(|entry| entry.at),
            contents_phrase: contents_phrase(
                backup.count()?,
                backup.head()?.map_or(0, |(last, _)| last),
            ),
            is_stopping: args.keep_inactive,
            is_vault: vault.is_some(),
            is_unrelated: vault.is_some_and(|vault| is_unrelated(vault, backup)),
            comparison,
        })
    }

    fn with(&self, effect: Effect) -> impl Iterator<Item = &AffectedKey> {
        let all = self.comparison.affected.iter();
        all.filter(move |affected| affected.effect == effect)
    }

    /// The keys whose old secrets become valid again.
    fn revived(&self) -> Vec<&AffectedKey> {
        let revived = self.with(Effect::Revived);
        revived.filter(|_| !self.is_stopping).collect()
    }

    /// The keys that would become valid again, but stay inactive.
    fn kept_inactive(&self) -> Vec<Record> {
        let revived = self.with(Effect::Revived).filter(|_| self.is_stopping);
        revived.filter_map(|key| key.record.clone()).collect()
    }

    /// Reports what will happen: the keys as the result, everything else as messages.
    fn preview(&self, context: &Context) -> Result<(), Error> {
        self.describe_backup(context);
        let mut listing = context.ui.listing(&self.display);
        for affected in &self.comparison.affected {
            let is_kept = self.is_stopping && affected.effect == Effect::Revived;
            listing.push(&AffectedView::new(affected, is_kept))?;
        }
        listing.finish::<AffectedView<'_>>()
    }

    fn describe_backup(&self, context: &Context) {
        let ui = &context.ui;
        let made = self.made_at.map(|at| self.display.moment_and_distance(at));
        let made = made.map(|at| format!(", the newest of {at}"));
        ui.note(format!(
            "the backup holds {}{}",
            self.contents_phrase,
            made.unwrap_or_default()
        ));
        if !self.is_vault {
            let path = &context.settings.vault;
            ui.note(format!(
                "there is no vault at `{path}`; a restore creates it"
            ));
            return ui.warn(
                "keys that were deactivated, deleted or given a new secret after the backup \
                 become valid again; without a vault here, they cannot be listed",
            );
        }
        if self.is_unrelated {
            ui.warn("it is a backup of another vault: no key of this one is in it");
        }
        if let Some(trouble) = &self.trouble {
            ui.warn(format!(
                "the current vault cannot be read completely, so this list may be incomplete: \
                 {trouble}"
            ));
        }
        if self.comparison.affected.is_empty() && self.trouble.is_none() {
            ui.note("no key changes");
        }
    }

    fn report_restored(&self, deactivated: usize, saved: Option<&Path>, context: &Context) {
        let note = |text: String| context.ui.note(text);
        note(match &self.made_at {
            Some(at) => format!(
                "restored the vault as of {}",
                self.display.moment_with_zone(*at)
            ),
            None => "restored the vault".to_owned(),
        });
        if deactivated > 0 {
            let deactivated = counted(deactivated as i64, "key was", "keys were");
            note(format!(
                "{deactivated} deactivated instead of becoming valid again"
            ));
        }
        if let Some(saved) = saved {
            let saved = saved.display();
            note(format!("saved the previous vault as `{saved}`"));
        }
    }

    fn is_confirmed(&self, args: &Restore, context: &Context) -> Result<bool, Error> {
        let revived = self.revived();
        if let Some(first) = revived.first() {
            return self.is_revival_confirmed(&revived, first, args, context);
        }
        if context.is_yes {
            return Ok(true);
        }
        let needed = "a restore requires confirmation";
        context.ui.expect_interactive(needed, "pass --yes")?;
        context.ui.confirm("Restore?")
    }

    fn is_revival_confirmed(
        &self,
        revived: &[&AffectedKey],
        first: &AffectedKey,
        args: &Restore,
        context: &Context,
    ) -> Result<bool, Error> {
        let is_one = |name: &KeyName| revived.iter().any(|key| key.name.is_same(name));
        if args.confirm.as_ref().is_some_and(is_one) {
            return Ok(true);
        }
        let count = counted(revived.len() as i64, "key", "keys");
        let needed = format!("{count} would become valid again; --yes is not enough");
        let hint = format!(
            "pass --confirm {}, or --keep-inactive to deactivate such keys",
            first.name
        );
        context.ui.expect_interactive(&needed, &hint)?;
        let question = match revived {
            [_] => format!("{count} would become valid again. Type its name to confirm"),
            _ => format!(
                "{count} would become valid again. Type the name of one of them to \
                          confirm"
            ),
        };
        let typed = context.ui.line(&question)?;
        let Some(typed) = typed.filter(|typed| !typed.is_empty()) else {
            return Ok(false);
        };
        let is_it = typed.parse().is_ok_and(|typed: KeyName| is_one(&typed));
        if !is_it {
            context.ui.note("the name does not match");
        }
        Ok(is_it)
    }
}

/// Whether the two have no log entry in common.
fn is_unrelated(vault: &Vault, backup: &Vault) -> bool {
    match (vault.identity(), backup.identity()) {
        (Ok(Some(here)), Ok(Some(there))) => here != there,
        _ => false,
    }
}

fn expect_another_file(present: &CurrentVault, file: &Path) -> Result<(), Error> {
    match present.vault() {
        Some(vault) if vault.includes(file) => {
            Err(vault::Error::TheVaultItself(file.to_owned()).into())
        }
        _ => Ok(()),
    }
}

fn restore(
    plan: RestorePlan,
    mut backup: Vault,
    mut present: CurrentVault,
    context: &Context,
) -> Result<(), Error> {
    let same = present.vault().filter(|_| !plan.is_unrelated);
    let others = same.map(|vault| usage::foreign_numbers(vault, &backup, context));
    let saved = present.save(plan.display.now)?;
    let author = Author {
        clock: plan.display.now,
        ..context.author(Action::Restore)
    };
    let changes = describe(&backup, &present, saved.as_deref())?;
    let deactivated = plan.kept_inactive();
    let (before, then) = (head_of(&present), backup.head()?);
    let outcome = backup
        .prepare(&author, &present, &deactivated, &changes)
        .and_then(|()| present.replace(&backup));
    context.changes.note_change_if(true);
    if let Err(error) = outcome {
        return Err(without_copy(error, saved.as_deref()));
    }
    context.note_done("the vault was restored");
    if !plan.is_vault {
        context.note_vault_created();
    }
    plan.report_restored(deactivated.len(), saved.as_deref(), context);
    if before.is_some() && before != then {
        context.ui.note(
            "the log continues from the backup's newest entry; log heads saved since then no \
             longer match",
        );
    }
    usage::forget(others.unwrap_or_default(), context);
    Ok(())
}

/// The log entry of a restore: the file, the newest entry before and after, the saved copy.
fn describe(
    backup: &Vault,
    present: &CurrentVault,
    saved: Option<&Path>,
) -> Result<Vec<Field>, Error> {
    let field = |field: &str, from, to| Field {
        field: field.to_owned(),
        from,
        to,
    };
    let path = |path: &Path| Some(path.to_string_lossy().into_owned());
    let before = head_of(present);
    let then = backup.head()?;
    let mut describe = vec![field("file", None, path(backup.path()))];
    if before.is_some() || then.is_some() {
        let (from, to) = (
            before.as_ref().map(format_head),
            then.as_ref().map(format_head),
        );
        describe.push(field("head", from, to));
    }
    describe.extend(saved.map(|saved| field("saved", None, path(saved))));
    Ok(describe)
}

/// The newest entry of the vault's log, if that can be read.
fn head_of(present: &CurrentVault) -> Option<Head> {
    present.vault()?.head().ok()?
}

/// The error of a failed restore; removes the copy unless it may still be needed.
fn without_copy(error: vault::Error, saved: Option<&Path>) -> Error {
    if let (false, Some(saved)) = (matches!(error, vault::Error::Unsure(_)), saved) {
        // If that fails, only an extra copy is left.
        let _ = std::fs::remove_file(saved);
    }
    error.into()
}
