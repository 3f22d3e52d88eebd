//! `postkey set`: changes a key's name, description, labels, restrictions, expiry and policy.

mod change;
mod questions;

use clap::Args;

use super::decoy;
use crate::context::selection::KeyPrompt;
use crate::context::{Context, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName};
use crate::vault::Action;
use change::RequestedChange;

/// Change a key's name, description, labels, expiry or restrictions
///
/// Its secret does not change. On a terminal, a missing key is prompted for, and what to change if
/// nothing is given.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey set ci --expires 90d
  postkey set web --name shop --description 'the web shop'
  postkey set web --label env=prod,team=shop --owner team-shop --clear-label tier
  postkey set reports --permission read-only --limit 1000/hour
  postkey set newsletter --sender example.com,null --network any
  postkey set backup --rotate-every 365d --unused-after never")]
pub struct Set {
    /// The key; prompted for on a terminal
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    #[command(flatten)]
    change: RequestedChange,
}

const QUESTION: KeyPrompt = KeyPrompt {
    text: "Change which key?",
    fits: Some(|key, _| !key.is_decoy),
    none: "every key is a decoy",
};

pub(super) fn run(args: Set, context: &mut Context) -> Result<ExitStatus, Error> {
    expect_change(&args.change, context)?;
    let Some(name) = selection::name(args.name, QUESTION, context)? else {
        return Ok(selection::report_cancelled(context));
    };
    let mut wanted = args.change;
    if !wanted.has_change() && !questions::ask_change(&mut wanted, &name, context)? {
        return Ok(selection::report_cancelled(context));
    }
    context.note_minutes(wanted.minutes());
    let permission = wanted.bounds.permission(context)?;
    let limit = wanted.bounds.limit(context)?;
    context.edit_with_policy(&name, Action::Set, |key, policy, change| {
        decoy::expect_none(key, "it has nothing to set")?;
        let expires = wanted
            .expires
            .map(|expires| expires.resolve(change.now()))
            .transpose()?;
        let key = Key {
            name: wanted.new_name.as_ref().unwrap_or(&key.name).clone(),
            description: wanted.description(key),
            labels: wanted.labels(key)?,
            owner: wanted.owner(key),
            access: wanted.access(key, permission.as_ref(), limit)?,
            networks: wanted
                .bounds
                .network
                .as_ref()
                .unwrap_or(&key.networks)
                .clone(),
            ..expires.map_or_else(|| key.clone(), |end| key.expiring(end))
        };
        Ok((key, wanted.policy(policy)))
    })
}

/// Makes sure that a change was given, or can be prompted for.
fn expect_change(change: &RequestedChange, context: &Context) -> Result<(), Error> {
    let hint = "give --name, --description, --label, --owner, --permission, --plan, --limit, --sender, \
                --network, --expires, --rotate-every or --unused-after";
    match change.has_change() {
        true => Ok(()),
        false if context.is_yes => Err(Error::usage("nothing to change").with_hint(hint)),
        false => context.ui.expect_interactive("no change given", hint),
    }
}
