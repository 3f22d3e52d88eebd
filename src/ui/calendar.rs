//! Reminders as a calendar (RFC 5545): one all-day event each, written as they come.

use std::io::{BufWriter, Write};

use chrono::TimeDelta;
use icalendar::{Alarm, Calendar, Component, Event, EventLike, Parameter, Property};
use jiff::Timestamp;

use super::output::{Output, ignore_closed_pipe};
use super::{DisplayContext, Ui};
use crate::check::{EXTENSION, Reminder};
use crate::error::Error;
use crate::key::{Key, escape_controls};

/// The end of a calendar; before it comes its header.
const END: &str = "END:VCALENDAR\r\n";

/// A calendar in progress.
pub struct Reminders<'a> {
    out: BufWriter<Output>,
    display: &'a DisplayContext,
    /// Identifies the vault.
    vault: String,
    is_connected: bool,
}

impl Ui {
    /// Begins a calendar of the keys of the vault with this identity.
    pub fn reminders<'a>(
        &self,
        identity: &[u8],
        display: &'a DisplayContext,
    ) -> Result<Reminders<'a>, Error> {
        let mut reminders = Reminders {
            out: BufWriter::new(Output),
            display,
            vault: base16ct::lower::encode_string(identity.get(..8).unwrap_or(identity)),
            is_connected: true,
        };
        let whole = empty().to_string();
        let beginning = whole.strip_suffix(END).unwrap_or(&whole);
        reminders.write(beginning)?;
        Ok(reminders)
    }
}

/// The start of an empty calendar.
fn empty() -> Calendar {
    let product = concat!("-//postkey//postkey ", env!("CARGO_PKG_VERSION"), "//EN");
    let mut calendar = Calendar::empty();
    calendar
        .append_property(("VERSION", "2.0"))
        .append_property(("PRODID", product))
        .append_property(("CALSCALE", "GREGORIAN"))
        .append_property(("METHOD", "PUBLISH"))
        .name("postkey")
        .done()
}

impl Reminders<'_> {
    /// Whether the reader is still there.
    pub fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Writes a reminder for the key with that number.
    ///
    /// # Errors
    /// If it cannot be written; a closed pipe is not an error.
    pub fn push(&mut self, id: i64, key: &Key, reminder: Reminder) -> Result<(), Error> {
        let date = reminder.at().strftime("%Y%m%d").to_string();
        // Without the date: a later import moves the event of a key that was rotated since.
        let uid = format!("{}-{id}@{}.postkey", reminder.into_str(), self.vault);
        let (summary, description) = title_and_text(key, reminder, self.display);
        let mut event = Event::new();
        event
            .append_property(date_property("DTSTART", &date))
            .append_property(("DTSTAMP", &*date_time(self.display.now)))
            .append_property(("TRANSP", "TRANSPARENT"))
            .uid(&uid)
            .summary(&summary)
            .description(&description)
            .alarm(self.alarm(reminder, &uid, &summary));
        self.write(&event.to_string())
    }

    /// At nine in the morning: of the same day, or of the day before a key expires.
    fn alarm(&self, reminder: Reminder, uid: &str, summary: &str) -> Alarm {
        let from_midnight = match reminder {
            Reminder::Rotation { .. } => TimeDelta::hours(9),
            Reminder::Expiry { .. } => TimeDelta::hours(9 - 24),
        };
        let mut alarm = Alarm::display(summary, from_midnight);
        // Without these two, importers would choose them at random.
        alarm
            .add_property("UID", format!("alarm-{uid}"))
            .add_property("DTSTAMP", date_time(self.display.now));
        alarm
    }

    fn write(&mut self, text: &str) -> Result<(), Error> {
        let result = self.out.write_all(text.as_bytes());
        self.is_connected &= result.is_ok();
        ignore_closed_pipe(result)
    }

    /// Ends the calendar.
    pub fn finish(mut self) -> Result<(), Error> {
        self.write(END)?;
        ignore_closed_pipe(self.out.flush())
    }
}

fn date_property(name: &str, date: &str) -> Property {
    Property::new(name, date)
        .append_parameter(Parameter::new("VALUE", "DATE"))
        .done()
}

fn date_time(moment: Timestamp) -> String {
    moment.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The reminder's title and description.
fn title_and_text(key: &Key, reminder: Reminder, display: &DisplayContext) -> (String, String) {
    let (kind, name) = (key.kind().title(), &key.name);
    let (summary, mut lines) = match reminder {
        Reminder::Rotation { made_at, due_at } => {
            let overdue = if due_at <= display.now {
                " (overdue)"
            } else {
                ""
            };
            (
                format!("Rotate the {kind} key {name}{overdue}"),
                vec![
                    format!("Its secret was created {made_at}."),
                    display.command(&format!("rotate {name}")),
                ],
            )
        }
        Reminder::Expiry { at } => (
            format!("The {kind} key {name} expires"),
            vec![
                format!("It expires {at}."),
                display.command(&format!("set {name} --expires {EXTENSION}")),
            ],
        ),
    };
    let description = key.description.as_ref();
    lines.extend(description.map(|text| escape_controls(text.as_str()).into_owned()));
    (summary, lines.join("\n"))
}
