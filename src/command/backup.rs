//! `postkey backup`: a copy of the vault.

use std::path::PathBuf;

use clap::Args;

use crate::arguments;
use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::IfExists;
use crate::ui::{BackupView, format_head};
use crate::vault::{Action, Copied, Field, Vault};

/// Copy the vault to a file
///
/// The copy is a consistent snapshot, even while others write to the vault. It is verified before
/// it gets its name, and synced to disk when this exits. Its mode is 0600, as it holds the hash of
/// every secret, and its folder must not be writable by others; an existing file is not
/// overwritten. The audit log records each backup.
///
/// The usage record, usage.db, and the settings are not included.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey backup /srv/backup/postkey-$(date +%F).db
  postkey backup --replace /srv/backup/postkey.db
  postkey restore --dry-run /srv/backup/postkey.db")]
pub struct Backup {
    /// The file to write
    #[arg(value_parser = arguments::paths(), value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Replace the file if it exists, atomically
    #[arg(long)]
    replace: bool,
}

pub(super) fn run(args: Backup, context: &mut Context) -> Result<ExitStatus, Error> {
    let mut vault = context.open()?;
    let existing = match args.replace {
        true => IfExists::Replace,
        false => IfExists::Keep,
    };
    let copied = vault.copy_to(&args.file, existing)?;
    context.note_done("the backup was created");
    if let Some((entry, why)) = copied.broken {
        context.ui.warn(format!(
            "audit log verification failed, in this backup too: entry {entry} {why}"
        ));
    }
    log(&copied, context, &mut vault);
    let view = BackupView::new(&copied);
    context.ui.result(&view, &view.line())?;
    Ok(ExitStatus::Done)
}

/// Logs a completed backup. The backup of a read-only vault is valid without an entry.
fn log(copied: &Copied, context: &Context, vault: &mut Vault) {
    let to = |field: &str, value: String| Field {
        field: field.to_owned(),
        from: None,
        to: Some(value),
    };
    let file = copied.path.to_string_lossy().into_owned();
    let head = copied.head.as_ref().map(format_head);
    let mut changes = vec![to("file", file)];
    changes.extend(head.map(|head| to("head", head)));
    let logged = vault.check().and_then(|()| {
        vault.change(&context.author(Action::Backup), |change| {
            change.note(&changes)
        })
    });
    if let Err(error) = logged {
        context
            .ui
            .warn(format!("the backup is valid, but was not logged: {error}"));
    }
}
