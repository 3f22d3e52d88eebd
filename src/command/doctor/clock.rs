//! Compares the clock with recorded times, and accepts it once it is known to be right.

use jiff::Timestamp;

use super::report::DoctorReport;
use crate::context::{Context, is_ahead};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{CLOCK_TOLERANCE, KeyName};
use crate::process::{self, WrongClock};
use crate::ui::{DisplayContext, counted, quoted_names};
use crate::usage::UsageStore;
use crate::vault::{self, Action, Record, TermAhead, TermKind, Vault};

/// The hint for a clock that is behind recorded times.
const CLOCK_BEHIND: &str =
    "set the clock if it is wrong; if it is right, `postkey doctor --accept-clock`";

/// The same, where accepting it makes secrets valid again.
const CLOCK_BEHIND_REVIVES: &str = "set the clock if it is wrong; if it is right, \
     `postkey doctor --accept-clock --confirm NAME`";

/// How many terms that were computed from a wrong clock are listed.
const MAX_LISTED: usize = 20;

impl DoctorReport<'_> {
    /// Compares the clock with the times in the vault and the usage record.
    pub(super) fn clock(&mut self, vault: &Vault) {
        let found = self.views.len();
        if let Err(wrong) = process::clock() {
            self.found("clock", wrong.to_string(), WrongClock::HINT);
        }
        let ended = vault.ended_early(self.display.now).unwrap_or_else(|error| {
            self.fault("clock", error);
            Vec::new()
        });
        let advice = match ended.first() {
            None => CLOCK_BEHIND.to_owned(),
            Some(first) => CLOCK_BEHIND_REVIVES.replace("NAME", first.key.name.as_str()),
        };
        self.newest_entry(vault, &advice);
        if !ended.is_empty() {
            let names = quoted_names(&names(&ended));
            let message = format!("expired or retired while the clock was ahead: {names}");
            self.found("clock", message, &advice);
        }
        self.uses_ahead(vault, &advice);
        self.terms_ahead(vault);
        if self.views.len() == found {
            self.ok("clock", "not behind any recorded time");
        }
    }

    fn newest_entry(&mut self, vault: &Vault, advice: &str) {
        match vault.newest_entry() {
            Err(error) => self.fault("clock", error),
            Ok(Some(newest)) if is_ahead(newest.at, self.display.now) => {
                let at = self.when(newest.at);
                let message = format!("it is behind the newest entry of the audit log ({at})");
                self.found("clock", message, advice);
            }
            Ok(_) => {}
        }
    }

    fn terms_ahead(&mut self, vault: &Vault) {
        match terms_ahead(vault, self.display.now) {
            Err(error) => self.fault("clock", error),
            Ok(terms) => {
                for term in terms.iter().take(MAX_LISTED) {
                    let ends = self.when(term.ends_at);
                    self.found("clock", describe(term, &ends), hint(term));
                }
                if let Some(more) = left_out(&terms) {
                    self.found(
                        "clock",
                        more,
                        "set these again, then re-run `postkey doctor`",
                    );
                }
            }
        }
    }

    fn uses_ahead(&mut self, vault: &Vault, advice: &str) {
        // An unreadable usage record is reported elsewhere.
        let usage = UsageStore::open(vault, self.context.settings.wait)
            .ok()
            .flatten();
        let now = self.display.now;
        if usage.is_some_and(|usage| usage.has_uses_ahead(now).unwrap_or(false)) {
            let message = "behind recorded uses, which are not counted until then";
            self.found("clock", message, advice);
        }
    }
}

/// Accepts the clock as right; if secrets become valid again, after typing the name of one of their
/// keys.
pub(super) fn accept(confirmed: Option<&KeyName>, context: &Context) -> Result<ExitStatus, Error> {
    process::clock()?;
    let mut vault = context.open()?;
    vault.check()?;
    let display = context.display();
    let ended = vault.ended_early(display.now)?;
    if !is_confirmed(&ended, confirmed, context)? {
        context.ui.note("nothing was changed");
        return Ok(ExitStatus::No);
    }
    let revived = vault.accept_clock(&ended, &context.author(Action::Doctor))?;
    let revived: Vec<String> = revived.iter().map(ToString::to_string).collect();
    let now = display.moment_with_zone(display.now);
    context.ui.note(format!("accepted {now} as the time"));
    context.note_done("the clock was accepted");
    if !revived.is_empty() {
        context
            .ui
            .note(format!("valid again: {}", quoted_names(&revived)));
    }
    warn_of_terms(&vault, &display, context)?;
    accept_for_use(&vault, context)?;
    Ok(ExitStatus::Done)
}

fn is_confirmed(
    ended: &[Record],
    confirmed: Option<&KeyName>,
    context: &Context,
) -> Result<bool, Error> {
    let Some(first) = ended.first() else {
        return Ok(true);
    };
    let is_one = |name: &KeyName| ended.iter().any(|found| found.key.name.is_same(name));
    if confirmed.is_some_and(is_one) {
        return Ok(true);
    }
    let now = context.display().moment_with_zone(Context::clock());
    context.ui.warn(format!(
        "if the clock is right ({now}), secrets that expired or retired while it was ahead become \
         valid again: {}",
        quoted_names(&names(ended))
    ));
    let needed = "secrets would become valid again; --yes is not enough";
    let hint = format!("pass --confirm {}", first.key.name);
    context.ui.expect_interactive(needed, &hint)?;
    let question = "Is the clock right? Type the name of one of these keys";
    let typed = context.ui.line(question)?.unwrap_or_default();
    let is_it = typed.parse().is_ok_and(|typed: KeyName| is_one(&typed));
    if !is_it && !typed.is_empty() {
        context.ui.note("the name does not match");
    }
    Ok(is_it)
}

/// Warns of terms that last longer than intended: only the operator knows what was intended.
fn warn_of_terms(vault: &Vault, display: &DisplayContext, context: &Context) -> Result<(), Error> {
    let terms = terms_ahead(vault, display.now)?;
    for term in terms.iter().take(MAX_LISTED) {
        let ends = display.moment_and_distance(term.ends_at);
        let (describe, hint) = (describe(term, &ends), hint(term));
        context.ui.warn(format!("{describe}; {hint}"));
    }
    if let Some(more) = left_out(&terms) {
        context.ui.warn(more);
    }
    Ok(())
}

fn accept_for_use(vault: &Vault, context: &Context) -> Result<(), Error> {
    let accepted = UsageStore::open(vault, context.settings.wait).and_then(|usage| {
        let now = Context::clock();
        usage.map_or(Ok(()), |mut usage| usage.accept_clock(now))
    });
    accepted.map_err(|error| {
        let message = format!("uses stay as recorded: {error}");
        Error::new(ExitStatus::Trouble, message)
            .with_hint("once that is fixed, run `postkey doctor --accept-clock` again")
    })
}

fn terms_ahead(vault: &Vault, now: Timestamp) -> Result<Vec<TermAhead>, vault::Error> {
    let latest = Timestamp::from_second(now.as_second().saturating_add(CLOCK_TOLERANCE));
    vault.terms_ahead(now, latest.unwrap_or(now))
}

fn describe(term: &TermAhead, ends: &str) -> String {
    let name = &term.key.name;
    match term.what {
        TermKind::Key => {
            format!("the expiry of `{name}` was computed while the clock was ahead: {ends}")
        }
        TermKind::GracePeriod => format!(
            "the grace period of `{name}` was computed while the clock was ahead: the old \
             secret retires \
             {ends}"
        ),
    }
}

fn hint(term: &TermAhead) -> String {
    let name = &term.key.name;
    match term.what {
        TermKind::Key => {
            let span = span(term.ends_at.as_second() - term.set_at.as_second());
            format!("`postkey set {name} --expires {span}` sets it from now")
        }
        TermKind::GracePeriod => format!(
            "`postkey rotate --finish {name}` retires the old one, or \
             `postkey rotate --abort {name}` removes the new one"
        ),
    }
}

/// A span as it was probably written: some seconds pass before a term is logged.
fn span(seconds: i64) -> String {
    let round = |unit: i64| seconds.saturating_add(unit - 1) / unit;
    let (minutes, hours) = (round(60), round(3_600));
    match seconds {
        ..=119 => format!("{}s", seconds.max(1)),
        ..=172_799 if minutes % 60 != 0 => format!("{minutes}m"),
        _ if hours % 24 != 0 => format!("{hours}h"),
        _ => format!("{}d", hours / 24),
    }
}

fn left_out(terms: &[TermAhead]) -> Option<String> {
    let more = terms
        .len()
        .checked_sub(MAX_LISTED)
        .filter(|&more| more > 0)?;
    Some(format!(
        "and {}",
        counted(more as i64, "more such term", "more such terms")
    ))
}

fn names(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .map(|found| found.key.name.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_displayed_as_written() {
        const DAY: i64 = 86_400;
        for (seconds, describe) in [
            (-5, "1s"),
            (30, "30s"),
            (119, "119s"),
            (300, "5m"),
            (3_598, "1h"),
            (5_400, "90m"),
            (48 * 3_600 - 2, "2d"),
            (36 * 3_600, "36h"),
            (90 * DAY - 7, "90d"),
            (100 * DAY + 7_000, "2402h"),
        ] {
            assert_eq!(span(seconds), describe, "{seconds}");
        }
    }
}
