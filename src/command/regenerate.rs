//! `postkey regenerate`: replaces a key's secret.

use clap::Args;

use crate::context::Context;
use crate::context::confirmation::{PriorUse, USED_RECENTLY};
use crate::context::dry_run::DryRun;
use crate::context::key_selector::KeySelector;
use crate::context::passphrase::PassphraseSource;
use crate::context::selected_keys::KeyVerb;
use crate::context::selection;
use crate::context::selection::KeyPrompt;
use crate::delivery::options::{DeliveredKey, DeliveryOptions, Overwrite};
use crate::delivery::{NewSecret, SecretReplacement, Transition};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName, Sealer};
use crate::ui::DisplayContext;
use crate::vault::{Action, Record, Vault};

/// Replace a key's secret; the old one stops working at once
///
/// An open rotation ends with it: the new secret is the only one. Everything else about the key
/// stays the same. If the new secret cannot be delivered, the old one keeps working.
///
/// postkey cannot wait for a program at the other end of a pipe: if it fails after reading the
/// secret, the new secret is lost and the old one no longer valid. Use --save to write it to a
/// file, or `postkey rotate`, which keeps the old secret valid for a grace period.
///
/// Shows when the key was last used, and asks for confirmation. If it was used in the last 7 days,
/// the secret is only replaced once the key's name is typed.
///
/// Selectors such as --label choose keys instead of a name: on a terminal it shows them and asks for
/// confirmation, and replaces their secrets one after the other. The secrets of several keys need
/// --format env or jsonl. Decoys are left out unless --status decoy is given. If no key matches, it
/// exits 0.
///
/// The default key's new secret is encrypted as the old one was, with a new passphrase. Without
/// one, the key is no longer the default key.
///
/// Formats: text, json, jsonl, csv, env.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey regenerate ci
  postkey regenerate --yes ci --save ci.env --format env
  NEW=$(postkey regenerate --yes ci)")]
pub struct Regenerate {
    /// The key; prompted for on a terminal
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    #[command(flatten)]
    selector: KeySelector,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    passphrase: PassphraseSource,
    #[command(flatten)]
    delivery: DeliveryOptions,
    #[command(flatten)]
    overwrite: Overwrite,
}

const QUESTION: KeyPrompt = KeyPrompt::of_any("Replace the secret of which key?");

const VERB: KeyVerb = KeyVerb {
    doing: "replacing the secrets of",
    question: "Replace the secrets of",
};

pub(super) fn run(args: Regenerate, context: &mut Context) -> Result<ExitStatus, Error> {
    selection::expect_one_way(args.name.is_some(), args.selector.given())?;
    if args.selector.given().is_some() {
        return regenerate_selected(&args, context);
    }
    let Some(name) = selection::name(args.name.clone(), QUESTION, context)? else {
        return Ok(selection::report_cancelled(context));
    };
    args.delivery.expect(context)?;
    let mut vault = context.open_to(args.dry_run)?;
    let found = vault.find(&name)?;
    let seen = regenerate(found, &args, context, &mut vault, is_confirmed)?;
    finish(seen.as_slice(), &args, context, &vault)?;
    Ok(match seen {
        Some(_) => ExitStatus::Done,
        None => ExitStatus::No,
    })
}

/// Replaces the secret of each selected key after one confirmation.
fn regenerate_selected(args: &Regenerate, context: &mut Context) -> Result<ExitStatus, Error> {
    let keys = context.select(&args.selector, None, &context.open()?)?;
    if keys.are_none() {
        // Repeating the command makes up for exports that it failed to rewrite.
        context.open_to(args.dry_run)?;
        return Ok(keys.status);
    }
    args.delivery.expect(context)?;
    if keys.count() > 1 {
        args.delivery
            .expect_distinguishable(keys.names(), context)?;
    }
    if !args.dry_run.is_dry_run && !keys.is_confirmed(VERB, context)? {
        return Ok(ExitStatus::No);
    }
    let mut vault = context.open_to(args.dry_run)?;
    let mut seen = Vec::new();
    let highest = selection::each(&keys.into(), context, |wanted, context| {
        let found = wanted.find(&vault)?;
        let confirmed = |_: &Record, _: &Context, _: &Vault, _: &DisplayContext| Ok(true);
        seen.extend(regenerate(found, args, context, &mut vault, confirmed)?);
        Ok(ExitStatus::Done)
    });
    finish(&seen, args, context, &vault)?;
    Ok(highest)
}

/// Shows what a dry run would change.
fn finish(
    seen: &[Record],
    args: &Regenerate,
    context: &Context,
    vault: &Vault,
) -> Result<(), Error> {
    if args.dry_run.is_dry_run {
        context.show_keys(seen, vault, Context::clock())?;
    }
    context.note_dry_run(args.dry_run);
    Ok(())
}

/// Replaces a key's secret; returns the key as it was, or `None` if that was not confirmed.
fn regenerate(
    seen: Record,
    args: &Regenerate,
    context: &Context,
    vault: &mut Vault,
    is_confirmed: impl FnOnce(&Record, &Context, &Vault, &DisplayContext) -> Result<bool, Error>,
) -> Result<Option<Record>, Error> {
    let subject = DeliveredKey {
        name: &seen.key.name,
        kind: seen.key.kind(),
        username: seen.key.username(),
        before: Some(&seen.key),
        overwrite: Some(args.overwrite),
    };
    let last = match args.dry_run.is_dry_run {
        true => None,
        false => args.delivery.as_last_time(&seen, vault, context)?,
    };
    let delivery = last.as_ref().unwrap_or(&args.delivery);
    let target = delivery.target(&subject, Some(vault), context)?;
    let display = context.display();
    let is_default = vault.default_id()? == Some(seen.id);
    let author = context.author(Action::Regenerate);
    if args.dry_run.is_dry_run {
        if args.passphrase.is_file() {
            sealer(&seen.key, is_default, &args.passphrase, context)?;
        }
        vault.rehearse(&author, |change| change.expect(&seen).map(drop))?;
        let used = PriorUse::of(&seen, &mut context.uses(vault), &display, context);
        warn_of_loss(&seen.key, &used, context, &display);
        return Ok(Some(seen));
    }
    if !is_confirmed(&seen, context, vault, &display)? {
        context.ui.note("nothing was changed");
        return Ok(None);
    }
    let sealer = sealer(&seen.key, is_default, &args.passphrase, context)?;
    let secret = NewSecret::generate(seen.key.kind(), &context.settings.brand)?.sealed_by(sealer);
    let replacement = SecretReplacement {
        seen: &seen,
        secret,
        transition: Transition::AtOnce,
        target: &target,
        context,
    };
    let key = context.deliver(&replacement, vault, &author)?;
    report(&seen.key, &key, context, &display);
    let is_sealed = replacement.secret.is_sealed();
    context.report_delivery(&key, display.now, is_default, is_sealed, &target);
    drop(replacement);
    Ok(Some(seen))
}

/// What encrypts the new secret if the key stays the default one.
///
/// A script without a passphrase still gets a new secret: the leaked one must stop working.
fn sealer(
    key: &Key,
    is_default: bool,
    passphrase: &PassphraseSource,
    context: &Context,
) -> Result<Option<Sealer>, Error> {
    if !is_default && passphrase.is_file() {
        return Err(
            Error::usage(format!("`{}` is not the default key", key.name))
                .with_hint("only the default key has a passphrase; omit --passphrase-file"),
        );
    }
    if !is_default || (context.is_yes && !passphrase.is_file()) {
        return Ok(None);
    }
    passphrase.chosen(context)
}

fn is_confirmed(
    seen: &Record,
    context: &Context,
    vault: &Vault,
    display: &DisplayContext,
) -> Result<bool, Error> {
    if context.is_yes {
        return Ok(true);
    }
    let name = &seen.key.name;
    let needed = format!("a new secret for `{name}` requires confirmation");
    context.ui.expect_interactive(&needed, "pass --yes")?;
    let used = PriorUse::of(seen, &mut context.uses(vault), display, context);
    warn_of_loss(&seen.key, &used, context, display);
    if used.is_recent() {
        return context.is_name_typed(name, USED_RECENTLY);
    }
    context.ui.confirm("Create a new one?")
}

fn warn_of_loss(key: &Key, used: &PriorUse<'_>, context: &Context, display: &DisplayContext) {
    let (name, note) = (&key.name, |text: String| context.ui.note(text));
    let tail_phrase = match key.tail.is_imported() {
        true => "was imported".to_owned(),
        false => display.tail_phrase(&key.tail),
    };
    note(format!(
        "the secret of `{name}` that {tail_phrase} will stop working at once:"
    ));
    let old = key.retiring_at(display.now);
    if let Some(old) = old {
        note(format!(
            "  so will its old secret, {}",
            display.retiring(old)
        ));
    }
    note(format!("  {}", used.describe()));
    note("  whoever uses it will be refused until they have the new one".to_owned());
    if old.is_none() && key.effective_status(display.now).is_valid() {
        note(format!(
            "  `postkey rotate {name}` would keep both secrets valid for a while"
        ));
    }
}

fn report(old: &Key, new: &Key, context: &Context, display: &DisplayContext) {
    let (new_tail, old_tail) = (display.tail(&new.tail), display.secret(&old.tail));
    let stopped = match old.retiring_at(display.now) {
        Some(older) => format!(
            "{} and {old_tail} no longer work",
            display.secret(&older.tail)
        ),
        None => format!("{old_tail} no longer works"),
    };
    context.ui.note(format!(
        "`{}` has a new secret, {new_tail}; {stopped}",
        new.name
    ));
}
