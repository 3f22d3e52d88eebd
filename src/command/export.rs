//! `postkey export`: writes valid keys for servers that cannot read the vault.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::PathBuf;

use clap::Args;

use crate::arguments;
use crate::context::Context;
use crate::context::exports::write_export_to;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::settings::{self, ExportFormat};
use crate::ui::{ExportCounts, ExportedView, Output, ignore_closed_pipe};
use crate::vault::Vault;

/// Write the valid keys to a file, for servers to read
///
/// An export has every secret that is valid at that moment, as a hash or digest: none of keys that
/// are deactivated or expired, and no retired ones, but both of a rotation. It is written to a
/// temporary file and renamed, so readers never see a partial file. A new file has mode 0600; an
/// existing one keeps its owner, group and mode, and is replaced only if it is empty or an earlier
/// export of this vault in the same format.
///
/// dovecot is for Dovecot as configured by `postkey connect dovecot --export FILE`: one line for
/// each secret of a login. json is an array with an object for each secret, as `list` shows keys,
/// with `digest` (SHA-256 of the whole secret), `hash` (SMTP keys) and `retires_at`.
///
/// The exports in the settings are rewritten by every command that changes the vault, before it
/// exits; if one cannot be, the exit status is 8. Without arguments, this writes them all: run it
/// regularly, for keys that expire and rotations that end by themselves.
///
/// Without FILE, the export goes to standard output. Formats of the report: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey export dovecot /etc/dovecot/postkey-users
  postkey export json | jq length
  postkey export")]
pub struct Export {
    /// The export's format; without it, the exports in the settings are written
    #[arg(value_enum, value_name = "FORMAT")]
    to: Option<ExportFormat>,
    /// The file to write, `-` for standard output
    #[arg(value_parser = arguments::paths_or_dash(), value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
}

impl Export {
    /// Whether files are written, so that standard output only gets the report.
    pub(super) fn is_to_files(&self) -> bool {
        let is_named = |file: &PathBuf| !arguments::is_dash(file);
        self.to.is_none() || self.file.as_ref().is_some_and(is_named)
    }
}

pub(super) fn run(args: Export, context: &mut Context) -> Result<ExitStatus, Error> {
    let file = args.file.filter(|file| !arguments::is_dash(file));
    match (args.to, file) {
        (None, _) => write_configured(context),
        (Some(format), Some(file)) => {
            let export = settings::ExportTarget { format, file };
            let ignore_closed_pipe = context.write_one_export(&export, &context.open()?)?;
            context.note_done("the export was written");
            show(&[ignore_closed_pipe], context)
        }
        (Some(format), None) => print(format, context),
    }
}

fn write_configured(context: &Context) -> Result<ExitStatus, Error> {
    if context.settings.exports.is_empty() {
        let message = "no export on the command line or in the settings";
        return Err(Error::usage(message)
            .with_hint("`postkey export dovecot FILE`, or [[export]] in the settings"));
    }
    if !context.has_exports_of_its_vault() {
        return Err(Error::usage(context.describe_other_vault())
            .with_hint("name a format and a file, or leave out --vault and POSTKEY_VAULT"));
    }
    let (ignore_closed_pipe, failures) = context.write_exports(&context.open()?)?;
    if !ignore_closed_pipe.is_empty() {
        context.note_done("the exports were written");
    }
    let shown = show(&ignore_closed_pipe, context)?;
    let statuses = failures.iter().map(|error| {
        context.ui.error(error);
        error.exit_status()
    });
    Ok(statuses.max().unwrap_or(shown))
}

/// Reports each file; returns whether no key is damaged.
fn show(ignore_closed_pipe: &[ExportedView], context: &Context) -> Result<ExitStatus, Error> {
    let status = status(ignore_closed_pipe.iter().all(ExportedView::is_whole));
    if !context.ui.format.is_for_machines() {
        for view in ignore_closed_pipe {
            context.ui.note(view.line());
        }
        return Ok(status);
    }
    let display = context.display();
    let mut listing = context.ui.listing(&display);
    for view in ignore_closed_pipe {
        listing.push(view)?;
    }
    listing.finish::<ExportedView>()?;
    Ok(status)
}

fn status(is_whole: bool) -> ExitStatus {
    match is_whole {
        true => ExitStatus::Done,
        false => ExitStatus::Trouble,
    }
}

/// Prints an export from an unnamed temporary file, so that a slow reader does not keep the vault
/// locked.
fn print(format: ExportFormat, context: &Context) -> Result<ExitStatus, Error> {
    let (mut spool, counts) = write_temporary(format, &context.open()?)?;
    context.report_left_out(&arguments::word(format), &counts);
    let printed = spool
        .rewind()
        .and_then(|()| io::copy(&mut spool, &mut Output));
    ignore_closed_pipe(printed.map(drop))?;
    Ok(status(counts.damaged == 0))
}

fn write_temporary(format: ExportFormat, vault: &Vault) -> Result<(File, ExportCounts), Error> {
    let failed = |error: io::Error| {
        let message = format!("no space for the export: {error}");
        Error::new(ExitStatus::Trouble, message).with_hint("set TMPDIR to a folder with more space")
    };
    let mut spool = tempfile::tempfile().map_err(failed)?;
    let counts = write_export_to(format, vault, |text| spool.write_all(text).map_err(failed))?;
    Ok((spool, counts))
}
