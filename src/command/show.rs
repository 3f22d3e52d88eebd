//! `postkey show`: all that is known of a key.

use clap::Args;
use jiff::Timestamp;

use super::Session;
use super::selection::{self, Question};
use crate::check::{Given, Known, Rules};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::KeyName;
use crate::ui::{KeyDetails, KeyView, PolicyView};
use crate::vault::{Ending, Record, Vault};

/// How many entries of the log are shown.
const RECENT: usize = 10;

/// Shows all that is known of a key
///
/// The secret is not: only its last characters. With them, the rules by which `postkey check`
/// looks at the key, its own or the settings'; when, how often and from where it was used; how
/// far a rotation has got; and the newest entries of the log: `postkey log NAME` shows all of
/// those.
///
/// Formats: text, json, jsonl, csv (without rules and log, and of the use the last only).
#[derive(Args, Debug)]
pub struct Show {
    /// Which key; asked for on a terminal
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
}

pub(super) fn run(args: Show, session: &mut Session) -> Result<ExitStatus, Error> {
    let Some(name) = selection::name(args.name, Question::of_any("Which key?"), session)? else {
        return Ok(selection::nothing_chosen(session));
    };
    let vault = session.open()?;
    let record = vault.find(&name)?;
    let log = vault.recent(&record, RECENT)?;
    let look = session.look();
    let mut uses = session.uses(&vault);
    let summary = uses.summary(&record, look.now, &session.ui);
    let used = uses.details(&record, &session.ui);
    let is_default = vault.default_id()? == Some(record.id);
    let key = KeyView::new(&record.key, look.now)
        .with_use(summary)
        .with_default(is_default);
    let mut secrets = vault.secrets(record.id)?;
    secrets.retain(|secret| !secret.is_retired(look.now));
    let policy = policy(&record, &secrets, look.now, &vault, session)?;
    let details = KeyDetails::new(key, policy, &secrets, used.as_ref(), &log);
    session.ui.result(&details, &details.facts(&look))?;
    Ok(ExitStatus::Done)
}

/// The rules that count for the key, and when they ask for its next rotation.
fn policy(
    record: &Record,
    secrets: &[Ending],
    now: Timestamp,
    vault: &Vault,
    session: &Session,
) -> Result<PolicyView, Error> {
    let own = vault.policy(record.id)?;
    let rules = Rules::new(&Given::default(), &own, &session.settings.policy);
    let known = Known {
        key: &record.key,
        secrets,
        used: None,
    };
    let rotation = match record.key.has_expired(now) {
        true => None,
        false => known.rotation(rules.rotate_every.term),
    };
    Ok(PolicyView::new(rules, rotation.map(|(_, due_at)| due_at)))
}
