//! The clock, compared with what was recorded by it; and what follows once it is known to be right.

use super::{Report, quoted_names};
use crate::command::session::{Session, is_ahead};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::process::{self, WrongClock};
use crate::usage::Usage;
use crate::vault::{Action, Record, Vault};

/// What to do about a clock that is behind what was recorded.
const ADVICE: &str =
    "set the clock if it is wrong; if it is right, `postkey doctor --accept-clock`";

impl Report<'_> {
    /// Compares the clock with what the vault and the record of use hold.
    pub(super) fn clock(&mut self, vault: &Vault) {
        let found = self.views.len();
        if let Err(wrong) = process::clock() {
            self.found("clock", wrong.to_string(), WrongClock::HINT);
        }
        self.newest_entry(vault);
        self.ended_ahead(vault);
        self.uses_ahead(vault);
        if self.views.len() == found {
            self.well("clock", "it is not behind anything that was recorded");
        }
    }

    fn newest_entry(&mut self, vault: &Vault) {
        match vault.newest_entry() {
            Err(error) => self.fault("clock", error),
            Ok(Some(newest)) if is_ahead(newest.at, self.look.now) => {
                let at = self.when(newest.at);
                let message = format!("it is behind the newest entry of the audit log ({at})");
                self.found("clock", message, ADVICE);
            }
            Ok(_) => {}
        }
    }

    fn ended_ahead(&mut self, vault: &Vault) {
        match vault.ended_ahead(self.look.now) {
            Err(error) => self.fault("clock", error),
            Ok(ended) if !ended.is_empty() => {
                let names = quoted_names(&names(&ended));
                let message = format!("by a clock that was ahead, {names} expired or retired");
                self.found("clock", message, ADVICE);
            }
            Ok(_) => {}
        }
    }

    fn uses_ahead(&mut self, vault: &Vault) {
        // What cannot be read is told of the use itself.
        let usage = Usage::open(vault, self.session.settings.wait)
            .ok()
            .flatten();
        let now = self.look.now;
        if usage.is_some_and(|usage| usage.has_uses_ahead(now).unwrap_or(false)) {
            let message = "it is behind uses that were recorded, which do not count until then";
            self.found("clock", message, ADVICE);
        }
    }
}

/// Takes the clock for right, after a yes if anything becomes valid again by that.
pub(super) fn accept(session: &Session) -> Result<ExitStatus, Error> {
    process::clock()?;
    let mut vault = session.open()?;
    vault.check()?;
    let look = session.look();
    let ended = names(&vault.ended_ahead(look.now)?);
    if !is_confirmed(&ended, session)? {
        session.ui.note("nothing was changed");
        return Ok(ExitStatus::No);
    }
    let revived = vault.accept_clock(&session.author(Action::Doctor))?;
    let revived: Vec<String> = revived.iter().map(ToString::to_string).collect();
    let now = look.moment(look.now);
    session.ui.note(format!("accepted {now} as the time"));
    if !revived.is_empty() {
        session
            .ui
            .note(format!("valid again: {}", quoted_names(&revived)));
    }
    accept_for_use(&vault, session);
    Ok(ExitStatus::Done)
}

fn is_confirmed(ended: &[String], session: &Session) -> Result<bool, Error> {
    if session.is_yes || ended.is_empty() {
        return Ok(true);
    }
    let now = session.look().moment(Session::clock());
    session.ui.warn(format!(
        "the clock says {now}: if that is so, secrets of {} are valid again, which expired or \
         retired by a clock that was ahead",
        quoted_names(ended)
    ));
    let needed = "making secrets valid again needs a confirmation";
    session.ui.expect_person(needed, "--yes gives it")?;
    session.ui.confirm("Is the clock right?")
}

/// No key depends on it: what fails is only told.
fn accept_for_use(vault: &Vault, session: &Session) {
    let accepted = Usage::open(vault, session.settings.wait).and_then(|usage| {
        let now = Session::clock();
        usage.map_or(Ok(()), |mut usage| usage.accept_clock(now))
    });
    if let Err(error) = accepted {
        session.ui.warn(format!("uses stay as recorded: {error}"));
    }
}

fn names(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .map(|found| found.key.name.to_string())
        .collect()
}
