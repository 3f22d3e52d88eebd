//! How to display values for people: time zone, width, color.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Ui, advice, time};
use crate::key::{Retiring, Tail, escape_controls};
use crate::process::LOCAL_TIME;
use crate::settings::Settings;

/// How to display values for people, relative to a time.
#[derive(Debug)]
pub struct DisplayContext {
    /// The time from which "3 days ago" counts.
    pub now: Timestamp,
    /// The time zone.
    zone: TimeZone,
    characters: usize,
    /// The terminal's width in columns; `None` without a terminal.
    pub width: Option<u16>,
    /// Whether to use color.
    pub color: bool,
    globals: String,
}

impl DisplayContext {
    /// The display according to the settings and standard output.
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

    /// The same without color.
    pub fn without_color(&self) -> Self {
        Self {
            zone: self.zone.clone(),
            color: false,
            globals: self.globals.clone(),
            ..*self
        }
    }

    /// The same for a pipe: without color, as wide as it needs to be.
    pub fn piped(&self) -> Self {
        Self {
            width: None,
            ..self.without_color()
        }
    }

    /// `…Gh4x`, or `imported` if the tail is unknown
    pub fn tail(&self, tail: &Tail) -> String {
        match tail.is_imported() {
            true => "imported".to_owned(),
            false => format!("…{}", tail.last(self.characters)),
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

    /// `postkey show ci`, with the flags that name the vault, if they were given.
    pub fn command(&self, words: &str) -> String {
        format!("postkey{} {words}", self.globals)
    }

    /// The text, with those flags added to each command.
    pub fn with_globals(&self, text: &str) -> String {
        advice::with_globals(text, &self.globals)
    }

    /// `3 days ago`, `in 5 days`
    pub fn distance(&self, moment: Timestamp) -> String {
        time::distance(moment, self.now)
    }

    /// `2026-11-22 10:00`, where the distance or a title has the time zone
    pub fn moment(&self, moment: Timestamp) -> String {
        self.formatted(moment, "%Y-%m-%d %H:%M")
    }

    /// `2026-11-22 10:00 CET`
    pub fn moment_with_zone(&self, moment: Timestamp) -> String {
        self.formatted(moment, "%Y-%m-%d %H:%M %Z")
    }

    fn formatted(&self, moment: Timestamp, format: &str) -> String {
        let last = moment.to_zoned(self.zone.clone());
        last.strftime(format).to_string()
    }

    /// `Europe/Berlin`; `local time` if the time zone is a rule
    pub fn zone_name(&self) -> String {
        let name = self.zone.iana_name().unwrap_or(LOCAL_TIME);
        escape_controls(name).into_owned()
    }

    /// `2026-11-22 10:00 (3 days ago)`
    pub fn moment_and_distance(&self, moment: Timestamp) -> String {
        format!("{} ({})", self.moment(moment), self.distance(moment))
    }

    /// `2026-11-22`, the day in UTC
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

    /// When something ends; `never` is written out.
    pub fn end(&self, moment: Option<Timestamp>) -> String {
        moment.map_or_else(
            || "never".to_owned(),
            |moment| self.moment_and_distance(moment),
        )
    }
}
