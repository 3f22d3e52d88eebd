//! `postkey set`: changes a key's name, description, labels, restrictions, expiry and policy.

mod change;
mod questions;

use clap::Args;

use super::decoy;
use super::narrowing::Narrowing;
use crate::context::dry_run::DryRun;
use crate::context::edit::EditedKeys;
use crate::context::key_selector::KeySelector;
use crate::context::selected_keys::KeyVerb;
use crate::context::selection::KeyPrompt;
use crate::context::{Context, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName, KeyPolicy, Kind};
use crate::vault::{Action, Change, Record, Vault};
use change::RequestedChange;

/// Change a key's name, description, labels, expiry or restrictions
///
/// Its secret does not change. On a terminal, a missing key is prompted for, and what to change if
/// nothing is given.
///
/// A new permission is compared with the recorded use: --dry-run tells which requests of the last 30
/// days it would have refused, with a machine format also in the fields requests, refused, unknown
/// and recorded_since. Without --dry-run, requests that it would have refused, or may have, are a
/// warning, and on a terminal a question.
///
/// The flags that begin with --where select keys instead of a name, and all of them are changed or
/// none: on a terminal it shows them and asks for confirmation. If no key matches, it exits 0.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(mut_args = KeySelector::behind_where)]
#[command(after_long_help = "\
Examples:
  postkey set ci --expires 90d
  postkey set web --name shop --description 'the web shop'
  postkey set web --label env=prod,team=shop --owner team-shop --clear-label tier
  postkey set reports --permission read-only --limit 1000/hour
  postkey set reports --permission read-only --dry-run
  postkey set newsletter --sender example.com,null --network any
  postkey set --where-label env=test --expires 30d --dry-run
  postkey set backup --rotate-every 365d --unused-after never
  postkey set web --grace 48h --settle 2h --after 'systemctl reload web'")]
pub struct Set {
    /// The key; prompted for on a terminal
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    #[command(flatten)]
    change: Box<RequestedChange>,
    #[command(flatten)]
    selector: KeySelector,
    #[command(flatten)]
    dry_run: DryRun,
}

const QUESTION: KeyPrompt = KeyPrompt {
    text: "Change which key?",
    fits: Some(|key, _| !key.is_decoy),
    none: "every key is a decoy",
};

const VERB: KeyVerb = KeyVerb {
    doing: "changing",
    question: "Change",
};

pub(super) fn run(args: Set, context: &mut Context) -> Result<ExitStatus, Error> {
    let selector = args.selector.given();
    let flag = selector.map(|flag| flag.replacen("--", "--where-", 1));
    selection::expect_one_way(args.name.is_some(), flag.as_deref())?;
    if flag.is_some() {
        return set_selected(&args, context);
    }
    expect_change(&args.change, context)?;
    let Some(name) = selection::name(args.name, QUESTION, context)? else {
        return Ok(selection::report_cancelled(context));
    };
    let mut wanted = args.change;
    if !wanted.has_change() && !questions::ask_change(&mut wanted, &name, context)? {
        return Ok(selection::report_cancelled(context));
    }
    let narrowing = narrowing(&wanted, &name, args.dry_run, context)?;
    let is_doubtful = narrowing.as_ref().is_some_and(|new| new.is_doubtful);
    if is_doubtful && !args.dry_run.is_dry_run && !is_confirmed(&name, context)? {
        context.ui.note("nothing was changed");
        return Ok(ExitStatus::No);
    }
    let keys = EditedKeys::Named(&name);
    set(&wanted, &keys, args.dry_run, narrowing.as_ref(), context)
}

/// Changes all selected keys after confirmation, or none.
fn set_selected(args: &Set, context: &Context) -> Result<ExitStatus, Error> {
    let wanted = &args.change;
    if wanted.new_name.is_some() {
        let message = "--name gives one key a name";
        return Err(Error::usage(message).with_hint("name that key, as in `set web --name shop`"));
    }
    if !wanted.has_change() {
        return Err(Error::usage("nothing to change").with_hint(CHANGES));
    }
    let vault = context.open()?;
    let keys = context.select(&args.selector, QUESTION.fits, &vault)?;
    let narrowing = wanted.bounds.permission(context)?.map(|permission| {
        let keys = keys.records().map(|record| (record, &permission));
        Narrowing::report(keys, &vault, args.dry_run, context)
    });
    let is_dry_run = args.dry_run.is_dry_run;
    if !keys.are_none() && !is_dry_run && !keys.is_confirmed(VERB, context)? {
        return Ok(ExitStatus::No);
    }
    let keys = EditedKeys::Selected(&keys);
    set(wanted, &keys, args.dry_run, narrowing.as_ref(), context)
}

/// What a new permission would have done with the key's recorded requests, if one is given.
fn narrowing(
    wanted: &RequestedChange,
    name: &KeyName,
    dry_run: DryRun,
    context: &Context,
) -> Result<Option<Narrowing>, Error> {
    let Some(permission) = wanted.bounds.permission(context)? else {
        return Ok(None);
    };
    let vault = context.open()?;
    let record = vault.find(name)?;
    let keys = [(&record, &permission)].into_iter();
    Ok(Some(Narrowing::report(keys, &vault, dry_run, context)))
}

/// Asks on a terminal whether to set a permission that may be too narrow.
fn is_confirmed(name: &KeyName, context: &Context) -> Result<bool, Error> {
    match !context.is_yes && context.ui.is_interactive() {
        true => context
            .ui
            .confirm(&format!("Set the permission of `{name}` anyway?")),
        false => Ok(true),
    }
}

fn set(
    wanted: &RequestedChange,
    keys: &EditedKeys<'_>,
    dry_run: DryRun,
    narrowing: Option<&Narrowing>,
    context: &Context,
) -> Result<ExitStatus, Error> {
    context.note_minutes(wanted.minutes());
    let permission = wanted.bounds.permission(context)?;
    let limit = wanted.bounds.limit(context)?;
    let show = |keys: &[Record], vault: &Vault, now| match narrowing {
        Some(narrowing) if dry_run.is_dry_run => narrowing.show(keys, vault, context),
        _ => context.show_keys(keys, vault, now),
    };
    let apply = |key: &Key, policy: &KeyPolicy, change: &Change<'_>| {
        decoy::expect_none(key, "it has nothing to set")?;
        let expires = wanted
            .expires
            .map(|expires| expires.resolve(change.now()))
            .transpose()?;
        let key = Key {
            name: wanted.new_name.as_ref().unwrap_or(&key.name).clone(),
            description: wanted.description(key),
            labels: wanted
                .labels(key)
                .map_err(|error| of_selected(error, key, keys))?,
            owner: wanted.owner(key),
            access: wanted
                .access(key, permission.as_ref(), limit)
                .map_err(|error| of_other_kind(error, key, keys))?,
            networks: wanted
                .bounds
                .network
                .as_ref()
                .unwrap_or(&key.networks)
                .clone(),
            ..expires.map_or_else(|| key.clone(), |end| key.expiring(end))
        };
        Ok((key, policy.changed(&wanted.policy())))
    };
    context.edit_with_policy(keys, Action::Set, dry_run, apply, show)
}

/// Names the key in an error about one of several.
fn of_selected(error: Error, key: &Key, keys: &EditedKeys<'_>) -> Error {
    match keys {
        EditedKeys::Named(_) => error,
        EditedKeys::Selected(_) => error.about(format_args!("`{}`", key.name)),
    }
}

/// The same if the key is not of the kind that has what is set.
fn of_other_kind(error: Error, key: &Key, keys: &EditedKeys<'_>) -> Error {
    let hint = match (keys, key.kind()) {
        (EditedKeys::Named(_), _) => return error,
        (EditedKeys::Selected(_), Kind::Smtp) => "add --where-kind api",
        (EditedKeys::Selected(_), Kind::Api) => "add --where-kind smtp",
    };
    of_selected(error, key, keys).with_hint(hint)
}

/// The hint if no change is given.
const CHANGES: &str = "give --name, --description, --label, --owner, --permission, --plan, --limit, --sender, \
                --network, --expires, --rotate-every, --unused-after, --grace, --settle or --after";

/// Makes sure that a change was given, or can be prompted for.
fn expect_change(change: &RequestedChange, context: &Context) -> Result<(), Error> {
    match change.has_change() {
        true => Ok(()),
        false if context.is_yes => Err(Error::usage("nothing to change").with_hint(CHANGES)),
        false => context.ui.expect_interactive("no change given", CHANGES),
    }
}
