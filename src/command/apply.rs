//! `postkey apply`: creates and updates the keys that a manifest names.

mod destination;
mod due;
mod lock;
mod new_keys;
mod prune;
mod scheme;
mod servers;
mod source;
mod steps;

use clap::Args;
use clap::builder::TypedValueParser;
use jiff::Timestamp;

use crate::arguments;
use crate::command::apply::lock::ApplyLock;
use crate::command::apply::steps::ApplyResult;
use crate::command::narrowing::Narrowing;
use crate::context::Context;
use crate::context::dry_run::DryRun;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::EffectiveStatus;
use crate::manifest::{ExistingKey, ManifestError, ManifestKey, Plan, Step, StepAction};
use crate::process;
use crate::ui::{DisplayContext, StepOutcome, StepView, counted};
use crate::vault::{self, Vault};
use prune::UnmanagedKeys;
use scheme::Scheme;
use source::{FileOrInput, ManifestSource};

/// Create the keys in a manifest and deliver their secrets
///
/// The manifest is a TOML file with a table `[[key]]` for each key. Its `save` says where the
/// secret goes: into variables of an env file, into a file of its own, or to a command's standard
/// input. Only the plan is printed.
///
/// Missing keys are created. Existing keys are changed where they differ from the manifest
/// (permission, limit, expiry, description); what the manifest leaves out stays unchanged, as do
/// secrets and whether a key is deactivated. A second run does nothing; after an interruption, it
/// does the rest. A key is only created once its secret is delivered.
///
/// Exits 1 if something is left that needs a person, such as a secret that is no longer in its
/// file.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey apply --dry-run keys.toml
  postkey apply keys.toml
  postkey apply --prune keys.toml
  postkey apply --rotate-due keys.toml
A manifest:
  [[key]]
  name = \"rails-app\"
  kind = \"smtp\"
  username = \"rails_prod\"
  save = { file = \".env\", username = \"SMTP_USERNAME\", secret = \"SMTP_PASSWORD\" }

  [[key]]
  name = \"reports\"
  kind = \"api\"
  permission = \"read-only\"
  plan = \"starter\"
  expires = \"365d\"
  save = { command = [\"vault\", \"kv\", \"put\", \"secret/reports\", \"key=-\"] }")]
pub struct Apply {
    /// The manifest; `-` reads it from standard input
    ///
    /// Paths are relative to the manifest's folder, and commands run there; with `-`, the working
    /// folder.
    #[arg(value_parser = arguments::paths_or_dash().map(FileOrInput::from), value_hint = clap::ValueHint::FilePath)]
    file: FileOrInput,
    /// Only print the plan; exit 1 if there is anything to do
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Permanently delete keys that the manifest does not name, after confirmation
    #[arg(long)]
    prune: bool,
    /// Replace secrets of other keys and other vaults in files
    #[arg(long)]
    replace: bool,
    /// Only rotate the keys that are due, as `rotate --due` does, to where their `save` says
    #[arg(long, conflicts_with_all = ["prune", "replace"])]
    rotate_due: bool,
}

pub(super) fn run(args: Apply, context: &mut Context) -> Result<ExitStatus, Error> {
    if matches!(args.file, FileOrInput::StandardInput) {
        context.ui.expect_input()?;
    }
    let source = ManifestSource::read(&args.file)?;
    let manifest = source.manifest(context)?;
    if args.rotate_due {
        let is_dry_run = args.dry_run;
        return due::run(&manifest, &source, DryRun { is_dry_run }, context);
    }
    let smtp = context.settings.smtp.clone();
    let scheme = Scheme {
        source: &source,
        manifest: &manifest,
        is_pruning: args.prune,
        is_replacing: args.replace,
        smtp: &smtp,
        is_dry_run: args.dry_run,
    };
    if args.dry_run {
        let vault = context.open_if_exists()?;
        if vault.is_none() {
            context.note_vault_would_be_created();
        }
        let plan = scheme.plan(vault.as_ref(), context)?;
        return scheme.show(&plan, vault.as_ref(), context);
    }
    if context.open_before_create()?.is_none() {
        // Mistakes are reported before a vault is created.
        scheme.plan(None, context)?;
    }
    scheme.carry_out(context)
}

impl<'a> Scheme<'a> {
    /// The plan, if all of it seems possible.
    fn plan(&self, vault: Option<&Vault>, context: &Context) -> Result<Plan<'a>, Error> {
        let now = Context::clock();
        let seen = self.seen(vault)?;
        let unmanaged = match vault.filter(|_| self.is_pruning) {
            Some(vault) => prune::unmanaged(self.manifest, vault)?,
            None => Vec::new(),
        };
        let deleted = unmanaged.iter().map(|record| record.key.name.clone());
        let deleted: Vec<_> = deleted.collect();
        let plan = Plan::new(self.manifest, seen, unmanaged, now);
        let mut plan = plan.map_err(|mistakes| self.source.refused(mistakes, context))?;
        let mistakes: Vec<ManifestError> = plan
            .steps
            .iter_mut()
            .filter_map(|step| destination::inspect(step, self, &deleted, vault, context).err())
            .collect();
        match mistakes.is_empty() {
            true => Ok(plan),
            false => Err(self.source.refused(mistakes, context)),
        }
    }

    fn seen(&self, vault: Option<&Vault>) -> Result<Vec<ExistingKey>, Error> {
        let Some(vault) = vault else {
            return Ok(self
                .manifest
                .keys
                .iter()
                .map(|_| ExistingKey::default())
                .collect());
        };
        let one = |wanted: &ManifestKey| {
            let record = match vault.find(&wanted.name) {
                Ok(record) => Some(record),
                Err(vault::Error::NoSuchKey(_)) => None,
                Err(error) => return Err(error),
            };
            let username = wanted.username.as_ref().filter(|_| record.is_none());
            let username_owner = username.map(|username| vault.of_username(username.as_str()));
            let username_owner = username_owner
                .transpose()?
                .flatten()
                .map(|record| record.key.name);
            let policy = record.as_ref().map(|record| vault.policy(record.id));
            Ok(ExistingKey {
                record,
                policy: policy.transpose()?.unwrap_or_default(),
                username_owner,
            })
        };
        let seen: Result<_, vault::Error> = self.manifest.keys.iter().map(one).collect();
        Ok(seen?)
    }

    /// Prints the plan for a dry run.
    fn show(
        &self,
        plan: &Plan<'_>,
        vault: Option<&Vault>,
        context: &Context,
    ) -> Result<ExitStatus, Error> {
        let display = context.display();
        let unmanaged = UnmanagedKeys::of(plan, vault, &display, context);
        list(plan, &unmanaged, None, &display, context)?;
        report_findings(plan, &display, context);
        if let Some(vault) = vault {
            report_narrowing(plan, vault, DryRun { is_dry_run: true }, context);
        }
        if plan.needs_nothing() {
            context.ui.note("everything matches the manifest");
            return Ok(ExitStatus::Done);
        }
        context.ui.note("dry run: nothing was done");
        Ok(ExitStatus::No)
    }

    fn carry_out(&self, context: &mut Context) -> Result<ExitStatus, Error> {
        let mut vault = context.open_or_create()?;
        let _alone = ApplyLock::wait(&vault, context)?;
        let plan = self.plan(Some(&vault), context)?;
        let display = context.display();
        let unmanaged = UnmanagedKeys::of(&plan, Some(&vault), &display, context);
        let is_for_machines = context.ui.format.is_for_machines();
        if !is_for_machines {
            list(&plan, &unmanaged, None, &display, context)?;
            report_findings(&plan, &display, context);
        }
        report_narrowing(&plan, &vault, DryRun::default(), context);
        if !unmanaged.is_confirmed(context)? {
            context.ui.note("nothing was done");
            return Ok(ExitStatus::No);
        }
        self.remember_servers(&plan, &mut vault, context)?;
        let done = steps::run_all(&plan, self, &mut vault, context)?;
        if is_for_machines {
            list(&plan, &unmanaged, Some(&done.outcomes), &display, context)?;
        }
        report_outcome(&plan, &done, context);
        if let Some(signal) = done.signal {
            context.ui.note("run `postkey apply` again; it resumes");
            context.rewrite_exports();
            process::kill_by_signal(signal);
        }
        Ok(done.status(&plan))
    }
}

/// Prints the plan; for programs, also the outcome of each step.
fn list(
    plan: &Plan<'_>,
    unmanaged: &UnmanagedKeys<'_>,
    outcomes: Option<&[StepOutcome]>,
    display: &DisplayContext,
    context: &Context,
) -> Result<(), Error> {
    let mut listing = context.ui.listing(display);
    let mut to_delete = unmanaged.iter();
    for (at, step) in plan.steps.iter().enumerate() {
        let outcome = outcomes.map_or(StepOutcome::Planned, |outcomes| outcomes[at]);
        let view = StepView::new(step, outcome, display);
        let key = matches!(step.action, StepAction::Delete(_)).then(|| to_delete.next());
        match key.flatten() {
            Some(key) => listing.push(&view.with_use(key.used.last_at(), key.used.describe()))?,
            None => listing.push(&view)?,
        }
    }
    listing.finish::<StepView<'_>>()
}

/// Reports findings that need a person, and the keys that are refused.
fn report_findings(plan: &Plan<'_>, display: &DisplayContext, context: &Context) {
    if context.ui.format.is_for_machines() {
        return;
    }
    for step in &plan.steps {
        let view = StepView::new(step, StepOutcome::Planned, display);
        if let Some((finding, hint)) = view.finding() {
            context
                .ui
                .warn(format!("`{}`: {finding}; {hint}", step.name()));
        }
        if !matches!(step.action, StepAction::Delete(_)) {
            warn_if_refused(step, display.now, context);
        }
    }
}

fn warn_if_refused(step: &Step<'_>, now: Timestamp, context: &Context) {
    let name = step.name();
    let hint = match step.effective_status(now) {
        Some(EffectiveStatus::Inactive) => format!("`postkey activate {name}` activates it"),
        Some(EffectiveStatus::Expired) => "a later `expires` in the manifest extends it".to_owned(),
        _ => return,
    };
    let effective_status = step.effective_status(now).map_or("", <&str>::from);
    context
        .ui
        .warn(format!("`{name}` stays {effective_status}; {hint}"));
}

/// Reports how much was done.
fn report_outcome(plan: &Plan<'_>, done: &ApplyResult, context: &Context) {
    let mut describe = Vec::new();
    for (action, verb) in [
        ("make", "created"),
        ("change", "changed"),
        ("delete", "deleted"),
    ] {
        let outcomes = plan.steps.iter().zip(&done.outcomes);
        let is_it = |(step, outcome): &(&Step<'_>, &StepOutcome)| {
            step.action.into_str() == action && **outcome == StepOutcome::Done
        };
        match outcomes.filter(is_it).count() {
            0 => {}
            count => describe.push(format!("{} {verb}", counted(count as i64, "key", "keys"))),
        }
    }
    context.ui.note(match describe.is_empty() {
        true if plan.needs_nothing() => "everything matches the manifest".to_owned(),
        true => "nothing was done".to_owned(),
        false => describe.join(", "),
    });
}

/// Warns of recorded requests that the keys' new permissions would have refused.
fn report_narrowing(plan: &Plan<'_>, vault: &Vault, dry_run: DryRun, context: &Context) {
    let changed = plan.steps.iter().filter_map(|step| match &step.action {
        StepAction::Change { before, after, .. } => Some((before, after.permission()?)),
        _ => None,
    });
    Narrowing::report(changed, vault, dry_run, context);
}
