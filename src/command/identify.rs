//! `postkey identify`: whose is a secret?

use clap::Args;

use super::Session;
use super::presented::{self, Presentation};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::Used;
use crate::ui::{Decision, IdentityView, Which};
use crate::usage::Summary;
use crate::verify::{Question, judge};

/// Tells which key a secret belongs to, read from standard input
///
/// For a secret that turned up somewhere: prints the key and whether the secret is still
/// good, and records no use. Exits 0 if it belongs to a key of this vault, good or not, and 1
/// otherwise. On a terminal the secret is asked for and not shown.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
pub struct Identify {}

pub(super) fn run(_: Identify, session: &mut Session) -> Result<ExitStatus, Error> {
    let presentation = presented::present(session)?;
    let (permissions, at) = (&session.settings.permissions, presentation.at);
    let (verdict, key) = match presentation.recognised.secret() {
        Err(verdict) => (verdict, None),
        Ok(secret) => {
            let verdict = judge(
                secret,
                &Question::default(),
                permissions,
                at,
                Used::default(),
            );
            (verdict, Some(&secret.record.key))
        }
    };
    let look = session.look_at(at);
    let decision = Decision {
        verdict,
        key,
        which: presentation.recognised.secret().ok().map(Which::of),
        allowance: None,
    };
    let view = IdentityView::new(&decision, summary(&presentation, session), &look);
    session.ui.result(&view, &view.facts(&look))?;
    Ok(if key.is_some() {
        ExitStatus::Done
    } else {
        ExitStatus::No
    })
}

/// How the key was used that the secret belongs to.
fn summary(presentation: &Presentation, session: &Session) -> Option<Summary> {
    match (presentation.recognised.secret(), &presentation.vault) {
        (Ok(secret), Some(vault)) => {
            let mut uses = session.uses(vault);
            uses.summary(&secret.record, presentation.at, &session.ui)
        }
        _ => None,
    }
}
