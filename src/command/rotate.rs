//! `postkey rotate`: gives keys a second secret for a while, and ends that.

mod by_hand;
mod due;
mod end;

use clap::Args;

use super::decoy;
use crate::context::Context;
use crate::context::dry_run::DryRun;
use crate::context::key_selector::KeySelector;
use crate::context::selected_keys::{KeyVerb, SelectedKeys};
use crate::context::selection;
use crate::context::selection::{ChosenKeys, KeyPrompt, NameArgument, NameList, WantedName};
use crate::delivery::options::{DeliveredKey, DeliveryOptions, Overwrite};
use crate::delivery::{NewSecret, SecretReplacement, Target, Transition};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Grace, Key, KeyName, Retiring};
use crate::ui::{DisplayContext, extension};
use crate::vault::{Action, Record, Vault, way_out_of_rotation};
use end::Confirmation;

/// Replace keys' secrets; the old ones keep working for a while
///
/// During the grace period both secrets work, so the new one can be deployed without an outage.
/// Then the old one retires by itself. `postkey show` shows when each was used. --finish retires
/// the old one at once; --abort removes the new one.
///
/// postkey cannot wait for a program at the other end of a pipe: a failure after it read the secret
/// goes unnoticed. Prefer --save, and check that the new secret is in use before --finish; --abort
/// keeps the old one.
///
/// The old secret never outlasts the key's own expiry. If the new one cannot be delivered, the key
/// does not change.
///
/// --due is for cron and timers: it rotates the keys whose secret is older than their policy allows
/// (`postkey set --rotate-every`, or `rotate_every` in the settings or a manifest; never the default
/// of 90 days) and ends. It delivers a new secret where the old one was delivered, runs the
/// key's `--after` command, and when only the new secret has been used for `--settle`, a later run
/// retires the old one. At the end of `--grace` a rotation that is not finished is held, or aborted
/// if only the old secret was used. Exits 1 if a person must decide; see `postkey help rotation`.
///
/// Selectors such as --label choose keys instead of names: on a terminal it shows them and asks for
/// confirmation. If no key matches, it exits 0.
///
/// Several keys are rotated one after the other. Their secrets need --format env, also with --save,
/// or --format jsonl, which name the key of each.
///
/// Formats: text, json, jsonl, csv, env (where a secret is created).
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey rotate app --save /etc/app/env --env-name SMTP_PASSWORD && systemctl restart app
  postkey rotate ci
  NEW=$(postkey rotate --grace 48h ci)
  postkey rotate --save app.env --format env app mail
  postkey rotate --due
  postkey rotate --finish app mail
  postkey rotate --finish --label team=shop
  postkey rotate --abort ci")]
pub struct Rotate {
    /// Keys to rotate; `-` reads names from standard input, one per line
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<NameArgument>,
    #[command(flatten)]
    selector: KeySelector,
    #[command(flatten)]
    dry_run: DryRun,
    /// Do the next step for each key that is due or being rotated by an earlier run; without NAME,
    /// all keys
    #[arg(long, conflicts_with_all = ["finish", "abort", "grace", "to", "save", "env_name"])]
    #[arg(conflicts_with_all = ["github", "print_secret", "replace", "command"])]
    due: bool,
    /// How long the old secret keeps working: 1 second to 365 days
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    #[arg(conflicts_with_all = ["finish", "abort"])]
    grace: Grace,
    /// Retire the old secret now: only the new one works
    #[arg(long, conflicts_with = "abort")]
    #[arg(conflicts_with_all = ["to", "save", "env_name", "github", "print_secret"])]
    finish: bool,
    /// Remove the new secret: only the old one works
    #[arg(long, conflicts_with_all = ["to", "save", "env_name", "github", "print_secret"])]
    abort: bool,
    #[command(flatten)]
    delivery: DeliveryOptions,
    #[command(flatten)]
    overwrite: Overwrite,
}

impl Rotate {
    /// The prompt if no key is named.
    fn question(&self) -> KeyPrompt {
        let of_rotating = |text| KeyPrompt {
            text,
            fits: Some(|key, now| key.retiring_at(now).is_some()),
            none: "no key is being rotated",
        };
        match (self.finish, self.abort) {
            (true, _) => of_rotating("Finish the rotation of which key?"),
            (_, true) => of_rotating("Abort the rotation of which key?"),
            _ => KeyPrompt {
                text: "Replace the secret of which key?",
                fits: Some(|key, now| {
                    let is_over = key.has_expired(now) || key.is_decoy;
                    key.retiring_at(now).is_none() && !is_over
                }),
                none: "every key has expired, is being rotated or is a decoy",
            },
        }
    }

    /// What it does to selected keys.
    fn verb(&self) -> KeyVerb {
        let (doing, question) = match (self.finish, self.abort) {
            (true, _) => ("finishing the rotation of", "Finish the rotation of"),
            (_, true) => ("aborting the rotation of", "Abort the rotation of"),
            _ => ("rotating", "Rotate"),
        };
        KeyVerb { doing, question }
    }

    /// Asks once for all selected keys; `None` if the answer was no.
    fn confirmation(
        &self,
        keys: &SelectedKeys,
        context: &Context,
    ) -> Result<Option<Confirmation>, Error> {
        // With --yes, each key's warnings are printed when its rotation ends.
        if keys.are_none() || self.dry_run.is_dry_run || context.is_yes {
            return Ok(Some(Confirmation::Needed));
        }
        keys.expect_answer(self.verb(), context)?;
        if !self.makes_a_secret() {
            end::warn(keys, self.finish, context)?;
        }
        let is_confirmed = keys.is_confirmed(self.verb(), context)?;
        Ok(is_confirmed.then_some(Confirmation::Given))
    }

    /// Whether to create a secret instead of ending a rotation.
    pub(super) fn makes_a_secret(&self) -> bool {
        !self.finish && !self.abort && !self.due
    }
}

pub(super) fn run(mut args: Rotate, context: &mut Context) -> Result<ExitStatus, Error> {
    let given = std::mem::take(&mut args.names);
    if args.due {
        return due::run(given, &args.selector, args.dry_run, context);
    }
    let (names, confirmation) =
        match selection::chosen(given, &args.selector, args.question(), context)? {
            None => return Ok(selection::report_cancelled(context)),
            Some(ChosenKeys::Named(names)) => (names, Confirmation::Needed),
            Some(ChosenKeys::Selected(keys)) => match args.confirmation(&keys, context)? {
                None => return Ok(ExitStatus::No),
                Some(confirmation) => (keys.into(), confirmation),
            },
        };
    let dry_run = args.dry_run;
    match (args.finish, args.abort) {
        (true, _) => end::each(&names, end::finish, confirmation, dry_run, context),
        (_, true) => end::each(&names, end::abort, confirmation, dry_run, context),
        _ => rotate_each(&names, &args, context),
    }
}

fn rotate_each(
    names: &NameList,
    args: &Rotate,
    context: &mut Context,
) -> Result<ExitStatus, Error> {
    args.delivery.expect(context)?;
    if names.iter().len() > 1 {
        args.delivery
            .expect_distinguishable(names.iter(), context)?;
    }
    let mut vault = context.open_to(args.dry_run)?;
    if args.dry_run.is_dry_run {
        return rehearse_each(names, args, &mut vault, context);
    }
    let mut rotated = Vec::new();
    let highest = selection::each(names, context, |wanted, context| {
        rotated.push(begin(wanted, args, context, &mut vault)?);
        Ok(ExitStatus::Done)
    });
    if !rotated.is_empty() {
        print_next_steps(&rotated, args, context);
    }
    Ok(highest)
}

/// Checks each key as for a rotation, and shows what that would change.
fn rehearse_each(
    names: &NameList,
    args: &Rotate,
    vault: &mut Vault,
    context: &mut Context,
) -> Result<ExitStatus, Error> {
    let mut keys = Vec::new();
    let highest = selection::each(names, context, |wanted, context| {
        let display = context.display();
        let seen = wanted.find(vault)?;
        let name = &wanted.name;
        expect_rotatable(&seen.key, &display)?;
        args.target(&seen, &args.delivery, vault, context)?;
        let author = context.author(Action::Rotate);
        vault.rehearse(&author, |change| change.expect(&seen).map(drop))?;
        let until = seen
            .key
            .rotated(seen.key.tail.clone(), args.grace, display.now);
        let until = until
            .retiring
            .map(|old| display.moment_and_distance(old.until));
        context.ui.note(format!(
            "`{name}` would get a new secret; {} would work until {}",
            display.secret(&seen.key.tail),
            until.unwrap_or_default()
        ));
        keys.push(seen);
        Ok(ExitStatus::Done)
    });
    context.show_keys(&keys, vault, Context::clock())?;
    context.note_dry_run(args.dry_run);
    Ok(highest)
}

/// Begins the rotation of a key; returns its name as spelled in the vault.
fn begin(
    wanted: &WantedName,
    args: &Rotate,
    context: &Context,
    vault: &mut Vault,
) -> Result<KeyName, Error> {
    let seen = wanted.find(vault)?;
    let display = context.display();
    expect_rotatable(&seen.key, &display)?;
    let last = args.delivery.as_last_time(&seen, vault, context)?;
    let delivery = last.as_ref().unwrap_or(&args.delivery);
    let target = args.target(&seen, delivery, vault, context)?;
    let was_default = vault.default_id()? == Some(seen.id);
    let replacement = SecretReplacement {
        seen: &seen,
        secret: NewSecret::generate(seen.key.kind(), &context.settings.brand)?,
        transition: Transition::WithGrace(args.grace),
        target: &target,
        context,
    };
    let author = context.author(Action::Rotate);
    let rotated = context.deliver(&replacement, vault, &author)?;
    report(&rotated, args, &target, context, &display);
    context.warn_if_default_unsealed(&rotated, was_default);
    Ok(rotated.name)
}

impl Rotate {
    /// The destination of a key's new secret.
    fn target(
        &self,
        seen: &Record,
        delivery: &DeliveryOptions,
        vault: &Vault,
        context: &Context,
    ) -> Result<Target<'static>, Error> {
        let subject = DeliveredKey {
            name: &seen.key.name,
            kind: seen.key.kind(),
            username: seen.key.username(),
            before: Some(&seen.key),
            overwrite: Some(self.overwrite),
        };
        delivery.target(&subject, Some(vault), context)
    }
}

fn expect_rotatable(key: &Key, display: &DisplayContext) -> Result<(), Error> {
    let name = &key.name;
    decoy::expect_none(key, "it cannot be rotated")?;
    if let Some(old) = key.retiring_at(display.now) {
        let (tail, until) = (
            display.secret(&old.tail),
            display.moment_and_distance(old.until),
        );
        let message = format!("`{name}` is already being rotated: {tail} works until {until}");
        return Err(Error::new(ExitStatus::Exists, message).with_hint(way_out_of_rotation(name)));
    }
    if key.has_expired(display.now) {
        let message = format!("`{name}` has expired: its old secret cannot keep working");
        return Err(Error::new(ExitStatus::No, message).with_hint(extension(key, display.now)));
    }
    end::expect_none_expired_early(key, display)
}

fn report(
    key: &Key,
    args: &Rotate,
    target: &Target<'_>,
    context: &Context,
    display: &DisplayContext,
) {
    let Some(Retiring { tail, until, .. }) = key.retiring.as_deref() else {
        return;
    };
    let (name, ui) = (&key.name, &context.ui);
    let (new, old) = (display.tail(&key.tail), display.tail(tail));
    ui.note(format!("`{name}` has a new secret, {new}"));
    target.report("it", false, context);
    context.warn_if_refused(key, display.now);
    let until_told = display.moment_and_distance(*until);
    ui.note(format!("the old one, {old}, works until {until_told}"));
    if key.expires_at == Some(*until) {
        ui.warn(format!(
            "`{name}` expires then: the grace period of {} is cut short",
            args.grace
        ));
    }
}

/// Prints the next steps of these rotations.
fn print_next_steps(names: &[KeyName], args: &Rotate, context: &Context) {
    let is_one = names.len() == 1;
    let all: Vec<_> = names.iter().map(KeyName::as_str).collect();
    let (name, all) = (&names[0], all.join(" "));
    let what = match (args.delivery.is_given(), is_one) {
        (true, true) => "reload whatever uses the key",
        (true, false) => "reload whatever uses the keys",
        (false, true) => "put the new one in use",
        (false, false) => "put the new ones in use",
    };
    let (ones, shown) = match is_one {
        true => ("one", format!("`postkey show {name}` shows its usage")),
        false => ("ones", "`postkey show NAME` shows a key's usage".to_owned()),
    };
    let note = |text: String| context.ui.note(text);
    note(format!("next: {what}; {shown}"));
    note(format!(
        "then: `postkey rotate --finish {all}` retires the old {ones}"
    ));
    note(format!(
        "undo: `postkey rotate --abort {all}` removes the new {ones}"
    ));
}
