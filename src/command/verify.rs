//! `postkey verify`: is a secret good?

use clap::Args;

use super::{Session, presented};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::ui::VerdictView;
use crate::verify::Judged;

/// Checks a secret that is read from standard input
///
/// Prints the verdict and its exact reason, and exits 0 if the secret is accepted, 1 if not.
/// The verdicts are accepted, malformed, unknown, mismatch, inactive, expired and retired.
/// On a terminal the secret is asked for and not shown.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  printf %s \"$KEY\" | postkey verify
  postkey verify --quiet <key.txt && echo good")]
pub struct Verify {
    /// Records no use of the key; a check on the command line records none in this version
    #[arg(long, hide = true)]
    no_record: bool,
}

pub(super) fn run(_: Verify, session: &mut Session) -> Result<ExitStatus, Error> {
    let Judged { verdict, at } = presented::judge(session)?;
    let look = session.look_at(at);
    let view = VerdictView::new(&verdict, &look);
    session.ui.result(&view, &view.line())?;
    Ok(if verdict.is_accepted() {
        ExitStatus::Done
    } else {
        ExitStatus::No
    })
}
