//! `postkey apply`: the keys that a manifest names.

mod alone;
mod child;
mod deeds;
mod making;
mod place;
mod prune;
mod source;

use clap::Args;
use clap::builder::TypedValueParser;
use jiff::Timestamp;

use super::{Session, values};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::Standing;
use crate::manifest::{Deed, Manifest, Mistake, Plan, Seen, Step, Wanted};
use crate::process;
use crate::ui::{Fate, Look, StepView, counted};
use crate::vault::{self, Vault};
use alone::Alone;
use deeds::Done;
use prune::Surplus;
use source::{FileOrInput, Source};

/// Makes the keys that a manifest names, and delivers each secret to its place
///
/// The manifest is a TOML file: a table `[[key]]` for each key, which says with `save` where its
/// secret goes: into variables of a file, into a file of its own, or to a command's standard
/// input. Nothing is printed but the plan.
///
/// Keys that are missing are made. Of keys that are there, what the manifest says and the vault
/// has otherwise is changed (permission, limit, expiry, description); what it does not say is
/// left alone, and so are their secrets and whether they are deactivated. Run again, it does
/// nothing; ended anywhere and run again, it does the rest. A key is only made once its secret
/// is delivered.
///
/// Exits 1 if something is left that only a person can see to, such as a secret that is not in
/// its file any more.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey apply --dry-run keys.toml
  postkey apply keys.toml
  postkey apply --prune keys.toml
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
    /// Files in it are seen from the folder that it is in, and commands run there; of one from
    /// standard input, from the working folder.
    #[arg(value_parser = values::paths_or_dash().map(FileOrInput::from), value_hint = clap::ValueHint::FilePath)]
    file: FileOrInput,
    /// Says what would be done, and exits 1 if that is anything
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Deletes the keys that the manifest does not name, for good; asks before
    #[arg(long)]
    prune: bool,
    /// Lets new secrets take the place of other keys' and other vaults' in files
    #[arg(long)]
    replace: bool,
}

pub(super) fn run(args: Apply, session: &mut Session) -> Result<ExitStatus, Error> {
    if matches!(args.file, FileOrInput::StandardInput) {
        session.ui.expect_typist()?;
    }
    let source = Source::read(&args.file)?;
    let manifest = source.manifest(session)?;
    let scheme = Scheme {
        source: &source,
        manifest: &manifest,
        is_pruning: args.prune,
        is_replacing: args.replace,
    };
    if args.dry_run {
        let vault = session.open_if_there()?;
        if vault.is_none() {
            session.tell_of_missing_vault();
        }
        let plan = scheme.plan(vault.as_ref(), session)?;
        return scheme.show(&plan, vault.as_ref(), session);
    }
    if session.open_if_made()?.is_none() {
        // What is wrong is told before a vault is made.
        scheme.plan(None, session)?;
    }
    scheme.carry_out(session)
}

/// What a manifest asks for, and how.
struct Scheme<'a> {
    source: &'a Source,
    manifest: &'a Manifest,
    is_pruning: bool,
    is_replacing: bool,
}

impl<'a> Scheme<'a> {
    /// The plan, if all of it can be done as far as that can be told.
    fn plan(&self, vault: Option<&Vault>, session: &Session) -> Result<Plan<'a>, Error> {
        let now = Session::clock();
        let seen = self.seen(vault)?;
        let surplus = match vault.filter(|_| self.is_pruning) {
            Some(vault) => prune::surplus(self.manifest, vault)?,
            None => Vec::new(),
        };
        let deleted = surplus.iter().map(|record| record.key.name.clone());
        let deleted: Vec<_> = deleted.collect();
        let plan = Plan::new(self.manifest, seen, surplus, now);
        let mut plan = plan.map_err(|mistakes| self.source.refused(mistakes, session))?;
        let mistakes: Vec<Mistake> = plan
            .steps
            .iter_mut()
            .filter_map(|step| place::look_at(step, self, &deleted, vault).err())
            .collect();
        match mistakes.is_empty() {
            true => Ok(plan),
            false => Err(self.source.refused(mistakes, session)),
        }
    }

    fn seen(&self, vault: Option<&Vault>) -> Result<Vec<Seen>, Error> {
        let Some(vault) = vault else {
            return Ok(self.manifest.keys.iter().map(|_| Seen::default()).collect());
        };
        let one = |wanted: &Wanted| {
            let record = match vault.find(&wanted.name) {
                Ok(record) => Some(record),
                Err(vault::Error::NoSuchKey(_)) => None,
                Err(error) => return Err(error),
            };
            let username = wanted.username.as_ref().filter(|_| record.is_none());
            let holder = username.map(|username| vault.of_username(username.as_str()));
            let holder = holder.transpose()?.flatten().map(|record| record.key.name);
            Ok(Seen { record, holder })
        };
        let seen: Result<_, vault::Error> = self.manifest.keys.iter().map(one).collect();
        Ok(seen?)
    }

    /// Shows what would be done.
    fn show(
        &self,
        plan: &Plan<'_>,
        vault: Option<&Vault>,
        session: &Session,
    ) -> Result<ExitStatus, Error> {
        let look = session.look();
        let surplus = Surplus::of(plan, vault, &look, session);
        list(plan, &surplus, None, &look, session)?;
        tell_findings(plan, &look, session);
        if plan.is_settled() {
            session.ui.note("everything is as the manifest says");
            return Ok(ExitStatus::Done);
        }
        session.ui.note("nothing was done: this is a dry run");
        Ok(ExitStatus::No)
    }

    fn carry_out(&self, session: &mut Session) -> Result<ExitStatus, Error> {
        let mut vault = session.open_or_make()?;
        let _alone = Alone::wait(&vault, session)?;
        let plan = self.plan(Some(&vault), session)?;
        let look = session.look();
        let surplus = Surplus::of(&plan, Some(&vault), &look, session);
        let is_for_machines = session.ui.format.is_for_machines();
        if !is_for_machines {
            list(&plan, &surplus, None, &look, session)?;
            tell_findings(&plan, &look, session);
        }
        if !surplus.is_confirmed(session)? {
            session.ui.note("nothing was done");
            return Ok(ExitStatus::No);
        }
        let done = deeds::do_all(&plan, self, &mut vault, session)?;
        if is_for_machines {
            list(&plan, &surplus, Some(&done.outcomes), &look, session)?;
        }
        tell_end(&plan, &done, session);
        if let Some(signal) = done.signal {
            session.ui.note("the same command does what is left to do");
            session.renew_exports();
            process::die_by(signal);
        }
        Ok(done.status(&plan))
    }
}

/// Shows the plan, and to programs what became of it.
fn list(
    plan: &Plan<'_>,
    surplus: &Surplus<'_>,
    outcomes: Option<&[Fate]>,
    look: &Look,
    session: &Session,
) -> Result<(), Error> {
    let mut listing = session.ui.listing(look);
    let mut doomed = surplus.iter();
    for (at, step) in plan.steps.iter().enumerate() {
        let outcome = outcomes.map_or(Fate::Planned, |outcomes| outcomes[at]);
        let view = StepView::new(step, outcome, look);
        let key = matches!(step.deed, Deed::Delete(_)).then(|| doomed.next());
        match key.flatten() {
            Some(key) => listing.push(&view.with_use(key.last_used_at(), key.told()))?,
            None => listing.push(&view)?,
        }
    }
    listing.finish::<StepView<'_>>()
}

/// Tells people what they have to see to, and which keys are refused.
fn tell_findings(plan: &Plan<'_>, look: &Look, session: &Session) {
    if session.ui.format.is_for_machines() {
        return;
    }
    for step in &plan.steps {
        let view = StepView::new(step, Fate::Planned, look);
        if let Some((finding, hint)) = view.finding() {
            session
                .ui
                .warn(format!("`{}`: {finding}; {hint}", step.name()));
        }
        if !matches!(step.deed, Deed::Delete(_)) {
            warn_of_standing(step, look.now, session);
        }
    }
}

fn warn_of_standing(step: &Step<'_>, now: Timestamp, session: &Session) {
    let name = step.name();
    let hint = match step.standing(now) {
        Some(Standing::Inactive) => format!("`postkey activate {name}` resumes it"),
        Some(Standing::Expired) => "a later `expires` in the manifest extends it".to_owned(),
        _ => return,
    };
    let standing = step.standing(now).map_or("", Standing::word);
    session
        .ui
        .warn(format!("`{name}` is {standing}, and stays so; {hint}"));
}

/// Says how much was done.
fn tell_end(plan: &Plan<'_>, done: &Done, session: &Session) {
    let mut told = Vec::new();
    for (deed, verb) in [
        ("make", "made"),
        ("change", "changed"),
        ("delete", "deleted"),
    ] {
        let outcomes = plan.steps.iter().zip(&done.outcomes);
        let is_it = |(step, outcome): &(&Step<'_>, &Fate)| {
            step.deed.word() == deed && **outcome == Fate::Done
        };
        match outcomes.filter(is_it).count() {
            0 => {}
            count => told.push(format!("{} {verb}", counted(count as i64, "key", "keys"))),
        }
    }
    session.ui.note(match told.is_empty() {
        true if plan.is_settled() => "everything is as the manifest says".to_owned(),
        true => "nothing was done".to_owned(),
        false => told.join(", "),
    });
}
