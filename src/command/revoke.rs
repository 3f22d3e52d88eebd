//! `postkey revoke`: ends keys whose secrets leaked.
//!
//! The key is revoked first, before anything that can fail or wait. Then it gets a new secret, if
//! one is requested, and then the report is written even if that failed.

mod incident;
mod replacement;
mod revocation;
mod selected;

use std::path::PathBuf;

use clap::Args;

use super::activate::StatusChange;
use crate::arguments;
use crate::context::dry_run::DryRun;
use crate::context::key_selector::KeySelector;
use crate::context::secret_search;
use crate::context::secret_search::{MalformedSecrets, PromptText, SecretFinding, SecretSearch};
use crate::context::{Context, selection};
use crate::delivery::options::DeliveryOptions;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{KeyName, PastTime};
use crate::ui::{KeyView, Replacement, counted};
use crate::vault::{Cause, StoredSecret, Vault};
use revocation::{REVOCATION, Revocation, RevokedKey, rewrite_exports};
use selected::SelectedRevocation;

/// Revoke a leaked secret at once, without confirmation
///
/// Name the key, or give the leaked secret on standard input: alone, or in any text that holds
/// some, such as a log; on a terminal it is prompted for and not shown. Each key whose secret is
/// found is revoked immediately. An old secret that is no longer valid revokes nothing; during a
/// rotation, both secrets are revoked. A decoy stays one: there is nothing to revoke.
///
/// Selectors such as --owner revoke all active keys that match, or none, but not at once: on a
/// terminal it shows them and asks for confirmation, and scripts pass --yes.
///
/// A revoked key can get a new secret, which activates it again: --replace creates it, and on a
/// terminal it is offered. If it cannot be delivered (status 6), the key stays revoked. --report
/// writes what is known and what to do: who created and changed the key, how and from where it was
/// used, what was done, and what is left to do.
///
/// Formats: text, json, jsonl, csv, env.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey revoke ci
  postkey revoke --report incident.md <build.log
  postkey revoke --owner ada --report incident.md
  NEW=$(postkey revoke --replace --report incident.md --leaked-at 36h ci)
  postkey revoke --replace --save ci.env --format env ci")]
pub struct Revoke {
    /// The key; without it, the leaked secret is read from standard input
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    #[command(flatten)]
    selector: KeySelector,
    #[command(flatten)]
    dry_run: DryRun,
    /// Create a new secret, which activates the key again; for one key only
    #[arg(long)]
    replace: bool,
    /// Write a report in Markdown to a new file; it holds no secret
    #[arg(long, value_name = "FILE")]
    #[arg(value_parser = arguments::parser("a file for the report", incident::NOT_A_FILE))]
    report: Option<PathBuf>,
    /// For the report: when the secret may have leaked, as in 36h or 2026-11-20
    #[arg(long, value_name = "TIME", requires = "report")]
    leaked_at: Option<PastTime>,
    #[command(flatten)]
    delivery: DeliveryOptions,
}

const PROMPT: PromptText = PromptText {
    question: "Leaked secret",
    hint: "name the key, or pipe the secret in, as in printf %s \"$KEY\" | postkey revoke",
};

pub(super) fn run(args: Revoke, context: &mut Context) -> Result<ExitStatus, Error> {
    let leaked_at = args.leaked_at.map(|past| past.resolve(Context::clock()));
    let leaked_at = leaked_at.transpose()?;
    if let (Some(flag), false) = (args.delivery.given(), args.replace) {
        let message = format!("{flag} requires --replace");
        let hint = format!("add --replace, or omit {flag}");
        return Err(Error::usage(message).with_hint(hint));
    }
    selection::expect_one_way(args.name.is_some(), args.selector.given())?;
    let revocation = match &args.name {
        _ if args.selector.given().is_some() => {
            match selected::revoke(&args.selector, args.replace, args.dry_run, context)? {
                SelectedRevocation::Revoked(revocation) => Some(*revocation),
                SelectedRevocation::Nothing(status) => return Ok(status),
            }
        }
        Some(name) => Some(by_name(name, args.dry_run, context)?),
        None => by_secret(args.dry_run, context)?,
    };
    let Some(mut revocation) = revocation else {
        return report_nothing_revoked(&args, context);
    };
    if args.dry_run.is_dry_run {
        revocation.rehearse_delivery(&args, context);
        revocation.show(context)?;
        context.note_dry_run(args.dry_run);
        return Ok(revocation.status);
    }
    let report = args.report.as_deref();
    // Checked before a new secret is created: a script that exits at an error would lose it.
    match report.map_or(Ok(()), incident::expect_private_folder) {
        Ok(()) => {
            revocation.replace_if_wanted(&args, context);
            let write = |path| incident::write(path, &revocation, leaked_at, context);
            let ignore_closed_pipe = report.map_or(Ok(()), write);
            revocation.note_outcome(ignore_closed_pipe, context);
        }
        refused => revocation.note_outcome(refused, context),
    }
    revocation.print_next_steps(report.is_some(), context);
    if revocation.renewed.is_none() {
        let shown = revocation.show(context);
        revocation.note_outcome(shown, context);
    }
    Ok(revocation.status)
}

fn by_name(name: &KeyName, dry_run: DryRun, context: &Context) -> Result<Revocation, Error> {
    let mut vault = context.open_to(dry_run)?;
    let stopped = vec![stop(name, None, dry_run, context, &mut vault)?];
    // Checked before any prompt, which may wait for a long time.
    let status = rewrite_exports(dry_run, context);
    Ok(Revocation::new(vault, stopped, status))
}

fn stop(
    name: &KeyName,
    seen: Option<u64>,
    dry_run: DryRun,
    context: &Context,
    vault: &mut Vault,
) -> Result<RevokedKey, Error> {
    let change = StatusChange {
        dry_run,
        ..REVOCATION
    };
    let record = change.one(name, context, vault)?;
    if !dry_run.is_dry_run {
        context.note_done(format!("`{}` was revoked", record.key.name));
    }
    Ok(RevokedKey {
        // Only the report lacks them; the key is revoked.
        secrets: vault.secrets(record.id).unwrap_or_default(),
        record,
        seen,
    })
}

/// Revokes each key as soon as its secret is found; `None` if there was none to revoke.
fn by_secret(dry_run: DryRun, context: &Context) -> Result<Option<Revocation>, Error> {
    let mut stopped: Vec<RevokedKey> = Vec::new();
    let mut status = ExitStatus::Done;
    let stop_owner = |presented: &StoredSecret, vault: &mut Vault| {
        let record = &presented.record;
        let is_stopped = stopped.iter().any(|one| one.record.id == record.id);
        let is_stopped = is_stopped || record.key.is_decoy;
        if is_stopped || presented.is_past_grace(Context::clock()) {
            return Ok(());
        }
        let name = &record.key.name;
        match stop(name, Some(0), dry_run, context, vault) {
            Ok(one) => {
                stopped.push(one);
                status = status.max(rewrite_exports(dry_run, context));
            }
            Err(error) => status = status.max(describe(&error, context)),
        }
        Ok(())
    };
    let open = match dry_run.is_dry_run {
        true => |context: &Context| context.open_to(DryRun { is_dry_run: true }),
        false => Context::open_for_change,
    };
    let mut search = secret_search::search(&PROMPT, context, open, stop_owner)?;
    match search.failure.take() {
        Some(failure) if stopped.is_empty() => return Err(failure),
        Some(failure) => status = status.max(describe(&failure, context)),
        None => report_other_findings(&search, context)?,
    }
    count_occurrences(&mut stopped, &search.findings);
    let vault = search.vault.filter(|_| !stopped.is_empty());
    if vault.is_none() && status > ExitStatus::Done {
        return Err(
            Error::new(status, "no key was revoked").with_hint("name it: `postkey revoke NAME`")
        );
    }
    Ok(vault.map(|vault| Revocation::new(vault, stopped, status)))
}

fn count_occurrences(stopped: &mut [RevokedKey], findings: &[SecretFinding]) {
    for finding in findings {
        let owner = finding.matched.secret().ok().map(|secret| secret.record.id);
        let of = stopped.iter_mut().find(|one| Some(one.record.id) == owner);
        if let Some(seen) = of.and_then(|one| one.seen.as_mut()) {
            *seen += finding.count;
        }
    }
}

/// Reports what was found that does not revoke a key.
fn report_other_findings(search: &SecretSearch, context: &Context) -> Result<(), Error> {
    search.warn_of_unreadable(context);
    let past_owners = search.past_owners()?;
    let mut unknown = search.uncounted;
    for finding in &search.findings {
        let (line, tail) = (finding.line, &finding.tail);
        match finding.matched.secret() {
            Ok(secret) if secret.is_past_grace(Context::clock()) => {
                context
                    .ui
                    .warn(inactive_notice(secret.record.key.name.as_str(), line));
            }
            Ok(secret) if secret.record.key.is_decoy => context.ui.warn(format!(
                "the secret on line {line} is that of the decoy `{0}`, which is never valid: there \
                 is nothing to revoke; `postkey usage {0}` shows who used it",
                secret.record.key.name
            )),
            Ok(_) => {}
            Err(_) => match (finding.matched.dead(), past_owners.get(tail.as_str())) {
                (Some(dead), _) if dead.cause == Cause::Deleted => context.ui.warn(format!(
                    "the secret on line {line} was that of `{}`, which was deleted: there is \
                     nothing to revoke",
                    dead.name
                )),
                (Some(dead), _) => context.ui.warn(inactive_notice(dead.name.as_str(), line)),
                (None, Some(past_owners)) => {
                    context.ui.warn(inactive_notice(&past_owners.name, line))
                }
                (None, None) => unknown += finding.count,
            },
        }
    }
    if unknown > 0 {
        let times = counted(unknown, "secret that does", "secrets that do");
        let warning = format!("found {times} not belong to this vault");
        context.ui.warn(warning);
    }
    if let Some(MalformedSecrets { count, line, why }) = search.misspelt {
        let times = counted(count, "invalid secret", "invalid secrets");
        context
            .ui
            .warn(format!("found {times}, first on line {line}: {why}"));
    }
    Ok(())
}

fn inactive_notice(name: &str, line: u64) -> String {
    format!(
        "the secret on line {line} is an old one of `{name}` and no longer valid; `postkey revoke \
         {name}` revokes the key anyway"
    )
}

fn report_nothing_revoked(args: &Revoke, context: &Context) -> Result<ExitStatus, Error> {
    let report = args
        .report
        .as_ref()
        .map(|_| ", and there is nothing to report");
    context.ui.warn(format!(
        "no valid secret of this vault found; nothing was revoked{}",
        report.unwrap_or_default()
    ));
    if context.ui.format.is_for_machines() {
        let display = context.display();
        context.ui.listing(&display).finish::<KeyView<'_>>()?;
    }
    Ok(ExitStatus::No)
}

/// Prints an error without ending the command, which has more to do.
fn describe(error: &Error, context: &Context) -> ExitStatus {
    context.ui.error(error);
    error.exit_status()
}

impl Revocation {
    fn note_outcome(&mut self, outcome: Result<(), Error>, context: &Context) {
        if let Err(error) = outcome {
            let error = context.after_change(error);
            self.status = self.status.max(describe(&error, context));
        }
    }

    /// Checks in advance what follows the revocation, which would stay if that fails.
    fn rehearse_delivery(&mut self, args: &Revoke, context: &Context) {
        let folder = args.report.as_deref();
        let folder = folder.map_or(Ok(()), incident::expect_private_folder);
        let delivery = match (self.stopped.as_slice(), args.replace, &folder) {
            ([stopped], true, Ok(())) => {
                let target =
                    replacement::target(&stopped.record, &self.vault, &args.delivery, context);
                target
                    .map(drop)
                    .map_err(|error| replacement::stays_revoked(error, &stopped.record.key.name))
            }
            _ => Ok(()),
        };
        for outcome in [folder, delivery] {
            let incomplete = |error: Error| match error.exit_status() {
                ExitStatus::Trouble => error.with_status(ExitStatus::Incomplete),
                _ => error,
            };
            self.note_outcome(outcome.map_err(incomplete), context);
        }
    }

    fn replace_if_wanted(&mut self, args: &Revoke, context: &Context) {
        let is_wanted = if args.replace {
            Ok(true)
        } else {
            self.offer_replacement(context)
        };
        let outcome = match is_wanted {
            Ok(false) => return,
            Ok(true) => self.replace(&args.delivery, context),
            Err(error) => Err(error),
        };
        self.replacement = match outcome {
            Ok(()) => Replacement::Made,
            Err(_) => Replacement::Failed,
        };
        self.note_outcome(outcome, context);
    }

    /// Offers a new secret if there is a person to answer and a way to deliver it.
    fn offer_replacement(&self, context: &Context) -> Result<bool, Error> {
        let [stopped] = self.stopped.as_slice() else {
            return Ok(false);
        };
        let ui = &context.ui;
        let can_ask = !context.is_yes && ui.expect_interactive("", "").is_ok();
        if !can_ask || ui.expect_secret_output().is_err() {
            return Ok(false);
        }
        let name = &stopped.record.key.name;
        ui.confirm(&format!(
            "Create a new secret for `{name}` and activate it?"
        ))
    }

    /// Creates the new secret of the one revoked key.
    fn replace(&mut self, delivery: &DeliveryOptions, context: &Context) -> Result<(), Error> {
        let [stopped] = self.stopped.as_slice() else {
            let count = self.stopped.len();
            let message =
                format!("{count} keys were revoked, but --replace works for one key only");
            let hint = "`postkey revoke --replace NAME` creates a new secret for each";
            return Err(Error::usage(message).with_hint(hint));
        };
        let seen = stopped.record.clone();
        let renewed = replacement::replace_secret(&seen, &mut self.vault, delivery, context);
        self.renewed =
            Some(renewed.map_err(|error| replacement::stays_revoked(error, &seen.key.name))?);
        Ok(())
    }

    fn print_next_steps(&self, has_report: bool, context: &Context) {
        // With a new secret the key is active: revoking it again would revoke that one.
        if self.renewed.is_some() {
            return;
        }
        let note = |text: String| context.ui.note(text);
        for RevokedKey { record, .. } in &self.stopped {
            let name = &record.key.name;
            note(format!(
                "`postkey revoke --replace {name}` gives it a new secret; if this was a false \
                 alarm, `postkey activate {name}` undoes it"
            ));
            if !has_report {
                note(format!(
                    "`postkey revoke --report FILE {name}` writes a report of what happened \
                     and what is left to do"
                ));
            }
        }
    }

    fn show(&self, context: &Context) -> Result<(), Error> {
        let now = Context::clock();
        let records = self.stopped.iter().map(|stopped| stopped.record.clone());
        context.show_keys(&records.collect::<Vec<_>>(), &self.vault, now)
    }
}
