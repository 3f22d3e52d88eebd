//! `postkey show`: shows everything about a key.

use clap::Args;
use jiff::Timestamp;

use crate::check::{KeyFacts, RuleOverrides, Rules};
use crate::context::Context;
use crate::context::key_selector::KeySelector;
use crate::context::selection;
use crate::context::selection::KeyPrompt;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::KeyName;
use crate::ui::{KeyDetails, KeyView, PolicyView};
use crate::vault::{self, DatabaseFault, Record, SecretInfo, Vault};

/// How many log entries are shown.
const RECENT_ENTRIES: usize = 5;

/// Show everything about a key
///
/// Of the secret, only the tail. Includes the key's rules for `postkey check`, its own or the
/// settings'; where its secret was last delivered; when, how often and from where it was used; the state of a rotation; and its newest
/// log entries: `postkey log NAME` shows all of them.
///
/// Selectors such as --label show each key that matches; as JSON, in an array.
///
/// Formats: text, json, jsonl, csv (without rules and log, and only the last usage).
#[derive(Args, Debug)]
pub struct Show {
    /// The key; prompted for on a terminal
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    #[command(flatten)]
    selector: KeySelector,
}

pub(super) fn run(args: Show, context: &mut Context) -> Result<ExitStatus, Error> {
    selection::expect_one_way(args.name.is_some(), args.selector.given())?;
    if args.selector.given().is_some() {
        return show_selected(&args.selector, context);
    }
    let Some(name) = selection::name(args.name, KeyPrompt::of_any("Which key?"), context)? else {
        return Ok(selection::report_cancelled(context));
    };
    let vault = context.open()?;
    let record = vault.find(&name)?;
    show(&record, &vault, context, |details, facts| {
        let _pager = context.ui.page();
        context.ui.result(details, facts)
    })?;
    Ok(ExitStatus::Done)
}

/// Shows each selected key, as a list.
fn show_selected(selector: &KeySelector, context: &Context) -> Result<ExitStatus, Error> {
    let vault = context.open()?;
    let keys = context.select_to_read(selector, &vault)?;
    let display = context.display();
    let _pager = context.ui.page();
    let mut listing = context.ui.listing(&display);
    let mut status = keys.status;
    for record in keys.records() {
        let mut printed = Ok(());
        let shown = show(record, &vault, context, |details, facts| {
            printed = listing.push_facts(details, facts);
            Ok(())
        });
        printed?;
        // Damage of one keeps no other from being shown.
        if let Err(error) = shown {
            status = status.max(context.report(error));
        }
    }
    listing.finish_facts::<KeyDetails<'_>>()?;
    Ok(status)
}

/// Passes on everything about a key, and the same as text.
fn show(
    record: &Record,
    vault: &Vault,
    context: &Context,
    print: impl FnOnce(&KeyDetails<'_>, &str) -> Result<(), Error>,
) -> Result<(), Error> {
    let log = match vault.recent(record, RECENT_ENTRIES) {
        Err(vault::Error::Database(DatabaseFault::Denied(_))) => {
            context.ui.note("your role may not read the audit log");
            Vec::new()
        }
        log => log?,
    };
    let display = context.display();
    let mut uses = context.uses(vault);
    let summary = uses.summary(record, display.now, &context.ui);
    let used = uses.details(record, &context.ui);
    let is_default = vault.default_id()? == Some(record.id);
    let key = KeyView::new(&record.key, display.now)
        .with_use(summary)
        .with_default(is_default);
    let mut secrets = vault.secrets(record.id)?;
    secrets.retain(|secret| !secret.is_retired(display.now));
    let policy = policy(record, &secrets, display.now, vault, context)?;
    let delivery = vault.last_delivery(record.id)?;
    let rotation = vault.rotation(record.id)?;
    let details = KeyDetails::new(key, policy, &secrets, used.as_ref(), &log, display.now)
        .with_delivery(delivery.as_ref())
        .with_rotation(rotation.as_ref());
    let facts = details.facts(&display);
    print(&details, &facts)
}

/// The policy that applies to the key, and when its next rotation is due.
fn policy(
    record: &Record,
    secrets: &[SecretInfo],
    now: Timestamp,
    vault: &Vault,
    context: &Context,
) -> Result<PolicyView, Error> {
    let own = vault.policy(record.id)?;
    let rules = Rules::new(&RuleOverrides::default(), &own, &context.settings.policy);
    let known = KeyFacts {
        key: &record.key,
        secrets,
        rotation: None,
        used: None,
    };
    let rotation = match record.key.has_expired(now) {
        true => None,
        false => known.rotation(rules.rotate_every.term),
    };
    Ok(PolicyView::new(rules, rotation.map(|(_, due_at)| due_at)))
}
