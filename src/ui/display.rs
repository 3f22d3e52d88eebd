//! How values look to people: in which time zone, how wide, in colour or not.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Ui, advice, time};
use crate::key::{Retiring, Tail, escape_controls};
use crate::process::LOCAL_TIME;
use crate::settings::Settings;

/// How to show values to people, seen from one moment.
#[derive(Debug)]
pub struct DisplayContext {
    /// The moment that "3 days ago" counts from.
    pub now: Timestamp,
    /// The zone that moments are told in.
    zone: TimeZone,
    characters: usize,
    /// The terminal's width in columns; without a terminal there is none.
    pub width: Option<u16>,
    /// Whether to use colour.
    pub color: bool,
    globals: String,
}

impl DisplayContext {
    /// The look that the settings and standard output ask for.
    pub fn new(ui: &Ui, settings: &Settings, zone: TimeZone, now: Timestamp) -> Self {
        let width = console::Term::stdout()
            .size_checked()
            .map(|(_, columns)| columns);
        Self {
            now,
            zone,
            characters: settings.shown,
            width: width.filter(|_| ui.is_on_terminal()),
            color: ui.has_color(),
            globals: ui.globals.clone(),
        }
    }

    /// `…Gh4x`, or `imported` where the tail is not known
    pub fn tail(&self, tail: &Tail) -> String {
        match tail.is_imported() {
            true => "imported".to_owned(),
            false => format!("…{}", tail.shown(self.characters)),
        }
    }

    /// `…Gh4x`, or `the imported one`
    pub fn secret(&self, tail: &Tail) -> String {
        match tail.is_imported() {
            true => "the imported one".to_owned(),
            false => self.tail(tail),
        }
    }

    /// `ends in …Gh4x`, or `imported: only its hash is known`
    pub fn tail_phrase(&self, tail: &Tail) -> String {
        match tail.is_imported() {
            true => "imported: only its hash is known".to_owned(),
            false => format!("ends in {}", self.tail(tail)),
        }
    }

    /// `postkey show ci`, with the flags that name the vault, where the command line named it.
    pub fn command(&self, words: &str) -> String {
        format!("postkey{} {words}", self.globals)
    }

    /// The text, each command in it with those flags.
    pub fn completed(&self, text: &str) -> String {
        advice::completed(text, &self.globals)
    }

    /// `3 days ago`, `in 5 days`
    pub fn distance(&self, moment: Timestamp) -> String {
        time::distance(moment, self.now)
    }

    /// `2026-11-22 10:00`, where the distance or a title tells the zone
    pub fn moment(&self, moment: Timestamp) -> String {
        self.formatted(moment, "%Y-%m-%d %H:%M")
    }

    /// `2026-11-22 10:00 CET`
    pub fn moment_with_zone(&self, moment: Timestamp) -> String {
        self.formatted(moment, "%Y-%m-%d %H:%M %Z")
    }

    fn formatted(&self, moment: Timestamp, format: &str) -> String {
        let shown = moment.to_zoned(self.zone.clone());
        shown.strftime(format).to_string()
    }

    /// `Europe/Berlin`; of a zone that is a rule, `local time`
    pub fn zone_name(&self) -> String {
        let name = self.zone.iana_name().unwrap_or(LOCAL_TIME);
        escape_controls(name).into_owned()
    }

    /// `2026-11-22 10:00 (3 days ago)`
    pub fn moment_and_distance(&self, moment: Timestamp) -> String {
        format!("{} ({})", self.moment(moment), self.distance(moment))
    }

    /// `2026-11-22`, the day that the moment falls on, UTC
    pub fn date(&self, moment: Timestamp) -> String {
        moment.strftime("%Y-%m-%d").to_string()
    }

    /// `ends in …Gh4x, works until 2026-11-22 10:00 (in 5 hours)`
    pub fn retiring(&self, old: &Retiring) -> String {
        let until = self.moment_and_distance(old.until);
        match old.tail.is_imported() {
            true => format!("imported, works until {until}"),
            false => format!("{}, works until {until}", self.tail_phrase(&old.tail)),
        }
    }

    /// When something stops; `never` is said out loud.
    pub fn end(&self, moment: Option<Timestamp>) -> String {
        moment.map_or_else(
            || "never".to_owned(),
            |moment| self.moment_and_distance(moment),
        )
    }
}
