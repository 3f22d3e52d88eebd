//! `postkey activate`: activates deactivated keys.

use clap::Args;
use jiff::Timestamp;

use super::decoy;
use crate::context::Context;
use crate::context::selection;
use crate::context::selection::{KeyPrompt, NameList, Selector, each};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{EffectiveStatus, Key, KeyName, Status};
use crate::ui::extension;
use crate::vault::{self, Action, Record, Vault};

/// Activate deactivated keys
///
/// Their secrets do not change. A key that is already active stays active.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
pub struct Activate {
    /// Keys to activate; `-` reads names from standard input, one per line
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<Selector>,
}

const QUESTION: KeyPrompt = KeyPrompt {
    text: "Activate which key?",
    fits: Some(|key, _| key.status == Status::Inactive && !key.is_decoy),
    none: "no key is inactive",
};

pub(super) fn run(args: Activate, context: &mut Context) -> Result<ExitStatus, Error> {
    let names = selection::names(args.names, QUESTION, context)?;
    set_all(
        names,
        Status::Active,
        Action::Activate,
        context,
        |_, _, _| Ok(true),
    )
}

/// Sets the status of each key after confirmation, and reports it.
pub(super) fn set_all(
    names: Option<NameList>,
    status: Status,
    action: Action,
    context: &mut Context,
    is_confirmed: impl Fn(&KeyName, &Context, &Vault) -> Result<bool, Error>,
) -> Result<ExitStatus, Error> {
    let Some(names) = names else {
        return Ok(selection::report_cancelled(context));
    };
    let mut vault = context.open_for_change()?;
    let now = Context::clock();
    let mut changed = Vec::new();
    let highest = each(&names, context, |name, context| {
        if !is_confirmed(name, context, &vault)? {
            return Ok(ExitStatus::No);
        }
        changed.push(set_status(name, status, action, context, &mut vault)?);
        Ok(ExitStatus::Done)
    });
    context.show_keys(&changed, &vault, now)?;
    Ok(highest)
}

/// Sets the status of one key, and reports it.
pub(super) fn set_status(
    name: &KeyName,
    status: Status,
    action: Action,
    context: &Context,
    vault: &mut Vault,
) -> Result<Record, Error> {
    let author = context.author(action);
    let mut contradictions = Vec::new();
    let (before, after, now) = vault.change(&author, |change| {
        let record = match status {
            Status::Active => change.find(name)?,
            // Deactivation works whatever is wrong with the key.
            Status::Inactive => change.find_unverified(name)?,
        };
        contradictions = change.contradictions(&record).unwrap_or_default();
        // That includes a key that was made a decoy by an edit of the vault.
        if contradictions.is_empty() {
            decoy::expect_none(&record.key, "it cannot be activated or deactivated")?;
        }
        let after = Key {
            status,
            ..record.key.clone()
        };
        if after != record.key {
            change.save(&record, &after)?;
        }
        Ok::<_, Error>((record, after, change.now()))
    })?;
    for contradiction in contradictions {
        let error = Error::from(vault::Error::Contradicted(contradiction));
        context.ui.warn(error.to_string());
    }
    report(&before.key, &after, now, context);
    Ok(Record {
        key: after,
        ..before
    })
}

fn report(before: &Key, after: &Key, now: Timestamp, context: &Context) {
    let (name, word) = (&after.name, after.status.into_str());
    if before.status == after.status {
        context.ui.note(format!("`{name}` is already {word}"));
    } else {
        context.ui.note(format!("`{name}` is now {word}"));
    }
    if after.effective_status(now) == EffectiveStatus::Expired {
        context.ui.warn(format!(
            "`{name}` has expired and is still refused; {}",
            extension(after, now)
        ));
    }
}
