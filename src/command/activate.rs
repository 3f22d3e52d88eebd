//! `postkey activate`: resumes keys.

use clap::Args;
use jiff::Timestamp;

use super::selection::{self, Names, Question, Selector, each};
use super::{Session, decoy};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName, Standing, Status};
use crate::ui::{KeyView, extension};
use crate::vault::{self, Action, Record, Vault};

/// Resumes keys that were deactivated
///
/// Their secrets are the same as before. A key that is active already stays so.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
pub struct Activate {
    /// Which keys; `-` reads names from standard input, a line each
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<Selector>,
}

const QUESTION: Question = Question {
    text: "Which key is to be activated?",
    fits: Some(|key, _| key.status == Status::Inactive && !key.is_decoy),
    none: "no key is inactive",
};

pub(super) fn run(args: Activate, session: &mut Session) -> Result<ExitStatus, Error> {
    let names = selection::names(args.names, QUESTION, session)?;
    change_status(names, Status::Active, Action::Activate, session)
}

/// Gives each key the status, and tells how it stands.
pub(super) fn change_status(
    names: Option<Names>,
    status: Status,
    action: Action,
    session: &mut Session,
) -> Result<ExitStatus, Error> {
    let Some(names) = names else {
        return Ok(selection::nothing_chosen(session));
    };
    let mut vault = session.open_to_change()?;
    let now = Session::clock();
    let mut changed = Vec::new();
    let highest = each(&names, session, |name, session| {
        changed.push(change_one(name, status, action, session, &mut vault)?);
        Ok(ExitStatus::Done)
    });
    session.show_keys(&changed, &vault, now)?;
    Ok(highest)
}

/// Gives one key the status, and tells people how it stands.
pub(super) fn change_one(
    name: &KeyName,
    status: Status,
    action: Action,
    session: &Session,
    vault: &mut Vault,
) -> Result<Record, Error> {
    let author = session.author(action);
    let mut contradictions = Vec::new();
    let (before, after, now) = vault.change(&author, |change| {
        let record = match status {
            Status::Active => change.find(name)?,
            // Whatever is wrong with it, it is stopped.
            Status::Inactive => change.find_as_is(name)?,
        };
        contradictions = change.contradictions(&record).unwrap_or_default();
        // One that somebody made a decoy by an edit of the vault is stopped, too.
        if contradictions.is_empty() {
            decoy::expect_none(&record.key, "there is nothing to stop or to resume")?;
        }
        let after = Key {
            status,
            ..record.key.clone()
        };
        if after != record.key {
            change.save(&record, &after)?;
        }
        Ok::<_, Error>((record, after, change.now()))
    })?;
    for contradiction in contradictions {
        let error = Error::from(vault::Error::Contradicted(contradiction));
        session.ui.warn(error.to_string());
    }
    tell(&before.key, &after, now, session);
    Ok(Record {
        key: after,
        ..before
    })
}

fn tell(before: &Key, after: &Key, now: Timestamp, session: &Session) {
    let (name, word) = (&after.name, after.status.word());
    if before.status == after.status {
        session.ui.note(format!("`{name}` was {word} already"));
    } else {
        session.ui.note(format!("`{name}` is {word} now"));
    }
    if after.standing(now) == Standing::Expired {
        session.ui.warn(format!(
            "`{name}` has expired and stays refused; {}",
            extension(after, now)
        ));
    }
}

impl Session {
    /// Shows keys that a command changed: to programs; people were told already.
    pub(super) fn show_keys(
        &self,
        keys: &[Record],
        vault: &Vault,
        now: Timestamp,
    ) -> Result<(), Error> {
        if !self.ui.format.is_for_machines() {
            return Ok(());
        }
        let look = self.look_at(now);
        let summaries = self.uses(vault).summaries(keys.iter(), now, &self.ui);
        let mut listing = self.ui.listing(&look);
        for (Record { key, .. }, summary) in keys.iter().zip(summaries) {
            listing.push(&KeyView::new(key, now).with_use(summary))?;
        }
        listing.finish::<KeyView<'_>>()
    }
}
