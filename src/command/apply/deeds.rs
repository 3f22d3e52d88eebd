//! A plan, carried out: each key by itself, so that one that fails keeps no other from being
//! made.

use super::{Scheme, place};
use crate::command::Session;
use crate::command::issue::{Fresh, random};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName, Username};
use crate::manifest::{Deed, Plan, Step, Wanted};
use crate::process::Reprieve;
use crate::ui::{Fate, changes};
use crate::vault::{self, Action, Author, Record, Vault};

/// What became of a plan.
pub(super) struct Done {
    /// Of each step.
    pub(super) outcomes: Vec<Fate>,
    highest: ExitStatus,
    /// The signal that ended it early.
    pub(super) signal: Option<i32>,
}

impl Done {
    /// How the command ends: what a person has to see to is a finding.
    pub(super) fn status(&self, plan: &Plan<'_>) -> ExitStatus {
        let is_found = plan.steps.iter().any(|step| step.finding.is_some());
        match is_found {
            true => self.highest.max(ExitStatus::No),
            false => self.highest,
        }
    }
}

/// What goes for all steps of a plan that is carried out.
pub(super) struct Work<'a> {
    pub(super) scheme: &'a Scheme<'a>,
    /// The keys that are to be deleted.
    pub(super) deleted: Vec<KeyName>,
    pub(super) reprieve: &'a Reprieve,
}

/// Does all that is planned, or what is done when a signal comes: no key is left half made.
/// Nothing is deleted unless all else could be done.
pub(super) fn do_all(
    plan: &Plan<'_>,
    scheme: &Scheme<'_>,
    vault: &mut Vault,
    session: &mut Session,
) -> Done {
    let is_work = |step: &&Step<'_>| !matches!(step.deed, Deed::Keep { .. });
    let count = plan.steps.iter().filter(is_work).count();
    session.ui.begin_parts(count);
    let reprieve = Reprieve::begin();
    let deleted = plan.deleted().map(|record| record.key.name.clone());
    let work = Work {
        scheme,
        deleted: deleted.collect(),
        reprieve: &reprieve,
    };
    let mut done = Done {
        outcomes: Vec::with_capacity(plan.steps.len()),
        highest: ExitStatus::Done,
        signal: None,
    };
    for step in &plan.steps {
        let outcome = match &step.deed {
            Deed::Keep { .. } => Fate::Kept,
            _ if reprieve.signal().is_some() => Fate::Left,
            Deed::Delete(_) if done.highest != ExitStatus::Done => Fate::Left,
            _ => {
                session.ui.begin_part(step.name().as_str());
                let outcome = done.note(do_one(step, &work, vault, session), session);
                session.ui.end_part();
                outcome
            }
        };
        done.outcomes.push(outcome);
    }
    session.ui.end_parts();
    done.signal = reprieve.signal();
    if done.signal.is_none() && done.outcomes.contains(&Fate::Left) {
        session
            .ui
            .warn("nothing was deleted, since not all else could be done");
    }
    done
}

impl Done {
    fn note(&mut self, result: Result<(), Error>, session: &Session) -> Fate {
        let Err(error) = result else {
            return Fate::Done;
        };
        session.ui.error(&error);
        self.highest = self.highest.max(error.exit_status());
        Fate::Failed
    }
}

fn do_one(
    step: &Step<'_>,
    work: &Work<'_>,
    vault: &mut Vault,
    session: &Session,
) -> Result<(), Error> {
    let name = step.name();
    let done = match &step.deed {
        Deed::Make(wanted) => make(wanted, work, vault, session),
        Deed::Change { before, after, .. } => change(before, after, vault, session),
        Deed::Delete(record) => delete(record, vault, session),
        Deed::Keep { .. } => Ok(()),
    };
    done.map_err(|error| {
        let error = error.about(format_args!("`{name}`"));
        match error.way_out() {
            Some(_) => error,
            None => error.hint("mend that and run it again: it does what is left to do"),
        }
    })
}

/// Makes a key: its secret is staged, delivered, and only then good.
fn make(
    wanted: &Wanted,
    work: &Work<'_>,
    vault: &mut Vault,
    session: &Session,
) -> Result<(), Error> {
    let author = session.author(Action::Apply);
    let now = author.clock;
    let fresh = Fresh::generate(wanted.kind, &session.settings.brand)?;
    let made_up = Username::made_up(random()?);
    let key = wanted.key(&session.settings, made_up, fresh.tail(), now)?;
    session.stage(&fresh, vault, &author, |change| {
        change.expect_free(&key.name, key.username())
    })?;
    let handed = place::deliver(wanted, &key, fresh.secret(), work, vault, session)?;
    activate(&fresh, &key, vault, &author).map_err(|error| handed.not_good(&error))?;
    let (name, place) = (&key.name, &wanted.place);
    session
        .ui
        .note(format!("made `{name}`; its secret went to {place}"));
    Ok(())
}

fn activate(
    fresh: &Fresh,
    key: &Key,
    vault: &mut Vault,
    author: &Author,
) -> Result<(), vault::Error> {
    vault.change(author, |change| fresh.add(key, change))
}

/// Changes a key, which must still be what the plan saw.
fn change(before: &Record, after: &Key, vault: &mut Vault, session: &Session) -> Result<(), Error> {
    let (fields, now) = vault.change(&session.author(Action::Apply), |change| {
        let found = change.expect(before)?;
        // Only what is wanted otherwise: an old secret may have retired since.
        let after = Key {
            retiring: after.retiring.clone().and(found.key.retiring.clone()),
            ..after.clone()
        };
        let expired_at = found.key.expired_at;
        let is_same_end = after.expires_at == found.key.expires_at;
        let after = Key {
            expired_at: expired_at.filter(|_| is_same_end),
            ..after.expiring(after.expires_at)
        };
        change.save(&found, &after)?;
        let fields = vault::differences(Some(&found.key), Some(&after));
        Ok::<_, vault::Error>((fields, change.now()))
    })?;
    let changed = changes(&fields, &session.look_at(now));
    session.ui.note(format!("`{}`: {changed}", before.key.name));
    Ok(())
}

fn delete(seen: &Record, vault: &mut Vault, session: &Session) -> Result<(), Error> {
    vault.change(&session.author(Action::Apply), |change| {
        let found = change.expect_as_is(seen)?;
        change.delete(&found)
    })?;
    session.ui.note(format!("`{}` is deleted", seen.key.name));
    Ok(())
}
