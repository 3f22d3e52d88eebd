//! `postkey identify`: whose is a secret?

use clap::Args;

use super::{Session, presented};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::ui::IdentityView;
use crate::verify::Judged;

/// Tells which key a secret belongs to, read from standard input
///
/// For a secret that turned up somewhere: prints the key and whether the secret is still
/// good. Exits 0 if it belongs to a key of this vault, good or not, and 1 otherwise. On a
/// terminal the secret is asked for and not shown.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
pub struct Identify {}

pub(super) fn run(_: Identify, session: &mut Session) -> Result<ExitStatus, Error> {
    let Judged { verdict, at } = presented::judge(session)?;
    let look = session.look_at(at);
    let view = IdentityView::new(&verdict, &look);
    session.ui.result(&view, &view.facts(&look))?;
    Ok(if verdict.key().is_some() {
        ExitStatus::Done
    } else {
        ExitStatus::No
    })
}
