//! `postkey deactivate`: refuses keys until they are activated again.

use clap::Args;
use jiff::SignedDuration;

use super::activate::StatusChange;
use crate::context::Context;
use crate::context::confirmation::PriorUse;
use crate::context::dry_run::DryRun;
use crate::context::key_selector::KeySelector;
use crate::context::selected_keys::KeyVerb;
use crate::context::selection;
use crate::context::selection::{ChosenKeys, KeyPrompt, NameArgument};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{KeyName, Kind, Status};
use crate::ui::{DisplayContext, first_few, last_request};
use crate::usage::Details;
use crate::vault::{Action, Vault};

/// A key that was used within this time is only deactivated after confirmation.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

/// How many addresses are shown.
const MAX_ADDRESSES: usize = 5;

/// Deactivate keys until they are activated again
///
/// Once this returns, their secrets are refused. A key that is already inactive stays inactive.
///
/// On a terminal it asks for confirmation if a key was used in the last hour, and shows by what.
///
/// Selectors such as --unused choose active keys instead of names, and all of them are deactivated
/// or none: on a terminal it shows them and asks for confirmation. If no key matches, it exits 0.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey deactivate ci
  postkey deactivate --unused 90d --dry-run
  postkey deactivate --yes --label team=shop")]
pub struct Deactivate {
    /// Keys to deactivate; `-` reads names from standard input, one per line
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<NameArgument>,
    #[command(flatten)]
    selector: KeySelector,
    #[command(flatten)]
    dry_run: DryRun,
}

const QUESTION: KeyPrompt = KeyPrompt {
    text: "Deactivate which key?",
    fits: Some(|key, _| key.status == Status::Active && !key.is_decoy),
    none: "no key is active",
};

pub(super) fn run(args: Deactivate, context: &mut Context) -> Result<ExitStatus, Error> {
    let change = StatusChange {
        status: Status::Inactive,
        action: Action::Deactivate,
        verb: KeyVerb {
            doing: "deactivating",
            question: "Deactivate",
        },
        dry_run: args.dry_run,
    };
    match selection::chosen(args.names, &args.selector, QUESTION, context)? {
        None => Ok(selection::report_cancelled(context)),
        Some(ChosenKeys::Named(names)) => change.each(&names, context, is_confirmed),
        Some(ChosenKeys::Selected(keys)) => change.selected(&keys, context),
    }
}

/// Asks for confirmation if a key is in use, which may have been overlooked.
fn is_confirmed(name: &KeyName, context: &Context, vault: &Vault) -> Result<bool, Error> {
    if context.is_yes || !context.ui.is_on_terminal() || !context.ui.is_interactive() {
        return Ok(true);
    }
    // Other problems with the key are reported when it is deactivated.
    let Ok(record) = vault.find(name) else {
        return Ok(true);
    };
    let display = context.display();
    let used = PriorUse::of(&record, &mut context.uses(vault), &display, context);
    let is_active = record.key.effective_status(display.now).is_valid();
    let recent = used
        .details
        .as_ref()
        .filter(|_| is_active && used.is_within(RECENT));
    let Some(details) = recent else {
        return Ok(true);
    };
    warn_of_recent_requests(name, record.key.kind(), details, context, &display);
    let is_confirmed = context.ui.confirm(&format!("Deactivate `{name}`?"))?;
    if !is_confirmed {
        context.ui.note(format!("`{name}` was not deactivated"));
    }
    Ok(is_confirmed)
}

fn warn_of_recent_requests(
    name: &KeyName,
    kind: Kind,
    details: &Details,
    context: &Context,
    display: &DisplayContext,
) {
    let last = last_request(kind, details, display).unwrap_or_default();
    context.ui.warn(format!("`{name}` is in use: {last}"));
    let since = display.now - RECENT;
    if details.addresses_since(since).nth(1).is_some() {
        let addresses = details.addresses_since(since).map(str::to_owned);
        let addresses = first_few(addresses, MAX_ADDRESSES);
        context
            .ui
            .note(format!("in the last hour it was used from {addresses}"));
    }
}
