//! `postkey doctor`: checks the vault and its environment.

mod clock;
mod environment;
mod exports;
mod integrity;
mod report;

use clap::Args;

use crate::context::{Context, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::KeyName;
use crate::vault::health;
use report::DoctorReport;

/// Check the vault, its location, the clock and the settings
///
/// Prints a line for each check: ok, or what was found and how to fix it. Works on a vault that
/// other commands refuse, continues after a finding, and changes nothing.
///
/// With --accept-clock it checks nothing, but accepts that the clock is right where recorded times
/// lie in the future. Secrets that only expired by the wrong clock become valid again; confirm by
/// typing the name of one of their keys. Expiries that were computed from the wrong clock are
/// listed; they stay until they are set again.
///
/// Exits 1 if anything was found, and 5 if the vault could not be checked, for example because it
/// is locked.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey doctor
  postkey doctor --accept-clock
  postkey doctor --accept-clock --confirm NAME
  postkey doctor --format jsonl | grep '\"ok\":false'")]
pub struct Doctor {
    /// Accept that the clock is right, and recorded times in its future are not
    #[arg(long)]
    accept_clock: bool,
    /// Confirm that secrets become valid again, with the name of one of their keys
    #[arg(long, value_name = "NAME", requires = "accept_clock", add = selection::completer())]
    confirm: Option<KeyName>,
}

pub(super) fn run(args: Doctor, context: &mut Context) -> Result<ExitStatus, Error> {
    context.expect_own_home()?;
    if args.accept_clock {
        return clock::accept(args.confirm.as_ref(), context);
    }
    let mut report = DoctorReport::new(context);
    report.ok(
        "program",
        format!(
            "postkey {} with SQLite {}",
            env!("CARGO_PKG_VERSION"),
            health::sqlite_version()
        ),
    );
    match context.settings.vault.file() {
        Some(path) => {
            let path = environment::vault_path(path);
            report.place(&path)?;
            report.inside(&path)?;
            report.leftovers(&path);
        }
        None => report.database()?,
    }
    report.settings();
    report.show()
}
