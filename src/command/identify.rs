//! `postkey identify`: whose is a secret?

use clap::Args;

use super::{Session, presented};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::Used;
use crate::ui::{Decision, IdentityView};
use crate::verify::{Question, Recognised, Verdict, judge};

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
    let presentation = presented::present(session)?;
    let (permissions, at) = (&session.settings.permissions, presentation.at);
    let (verdict, key) = match &presentation.recognised {
        Recognised::Nobody(verdict) => (*verdict, None),
        Recognised::Lookalike(_) => (Verdict::Mismatch, None),
        Recognised::Secret(secret) => {
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
        allowance: None,
    };
    let view = IdentityView::new(&decision, &look);
    session.ui.result(&view, &view.facts(&look))?;
    Ok(if key.is_some() {
        ExitStatus::Done
    } else {
        ExitStatus::No
    })
}
