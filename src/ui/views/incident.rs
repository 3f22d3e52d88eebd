//! The report on a leak, as a Markdown document.

use jiff::Timestamp;

use super::count_of_refusals;
use super::counted;
use super::entry::{describe_changes, who};
use super::mail;
use super::usage::NO_RECORDED_USE;
use crate::key::{Key, Status, Tail};
use crate::ui::markdown::{Document, code};
use crate::ui::{DisplayContext, time};
use crate::usage::{Address, Details, RefusalSummary, Refused, day_of};
use crate::vault::{Entry, Field, SecretInfo};

/// How many days are listed.
const MAX_DAYS: usize = 30;

/// The outcome for a new secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// None was requested.
    NotAsked,
    /// The key has it.
    Made,
    /// It could not be created or delivered.
    Failed,
}

/// Everything known about a leak.
#[derive(Debug)]
pub struct Incident<'a> {
    /// The key after it was revoked.
    pub key: &'a Key,
    /// The secrets that it had.
    pub secrets: &'a [SecretInfo],
    /// The key with its new secret.
    pub renewed: Option<&'a Key>,
    /// The outcome of that.
    pub replacement: Replacement,
    /// How often its secrets occurred in the text in which they were found.
    pub seen: Option<u64>,
    /// The earliest time of the leak.
    pub leaked_at: Option<Timestamp>,
    /// The key's log entries, the newest last.
    pub log: &'a [Entry],
    /// Whether these are all of them.
    pub is_log_whole: bool,
    /// Its use; `None` if nothing is recorded in the vault.
    pub used: Option<Details>,
    /// The refusals of its secrets since it was revoked.
    pub refusals: RefusalSummary,
}

impl Incident<'_> {
    /// The report.
    pub fn markdown(&self, display: &DisplayContext) -> String {
        let mut document = Document::default();
        let name = code(self.key.name.as_str());
        document.heading(1, &format!("Leaked secret of the key {name}"));
        document.paragraph(&format!(
            "Written by postkey at {}. All times and days are UTC. \
             This report shows only the last characters of secrets.",
            at(display.now)
        ));
        document.heading(2, "The key");
        document.table(["What", "Value"], &self.facts(display));
        document.heading(2, "What was done");
        document.tasks(&self.done(display));
        document.heading(2, "What is left to do");
        document.tasks(&self.remaining_steps(display));
        self.add_usage(&mut document, display);
        document.heading(2, "What happened");
        if !self.is_log_whole {
            let more = format!(
                "Older entries are in the log: `{}`.",
                display.command(&format!("log {}", self.key.name))
            );
            document.paragraph(&more);
        }
        document.table(["When", "What", "Who"], &self.timeline(display));
        document.finish()
    }

    fn facts(&self, display: &DisplayContext) -> Vec<[String; 2]> {
        let key = self.key;
        let mut facts = vec![["Name".to_owned(), code(key.name.as_str())]];
        let mut add = |fact: &str, value: Option<String>| {
            facts.extend(value.map(|value| [fact.to_owned(), value]));
        };
        add("Kind", Some(key.kind().title().to_owned()));
        add("Username", key.username().map(|name| code(name.as_str())));
        add("Permission", key.permission().map(|one| code(one.as_str())));
        add("Limit", Some(code(&key.limit().to_string())));
        let description = key.description.as_ref();
        add("Description", description.map(|text| code(text.as_str())));
        let owner = key.owner.as_ref();
        add("Owner", owner.map(|owner| code(owner.as_str())));
        let labels = (!key.labels.are_none()).then(|| code(&key.labels.to_string()));
        add("Labels", labels);
        add("Secret when deactivated", Some(ends_in(&key.tail, display)));
        for old in self.secrets {
            let retires = |end| format!("{}, valid until {}", ends_in(&old.tail, display), at(end));
            add("Secret before that", old.retires_at.map(retires));
        }
        let new = self.renewed.map(|renewed| ends_in(&renewed.tail, display));
        add("Secret now", new);
        add("Created", Some(self.describe_creation()));
        add(
            "Expires",
            Some(key.expires_at.map_or("never".to_owned(), at)),
        );
        add("Deactivated", self.deactivation().map(by));
        add("The leak may have begun", self.leaked_at.map(at));
        add(
            "Found in the input",
            self.seen.map(|seen| counted(seen, "time", "times")),
        );
        facts
    }

    /// When the key was created, and by whom if the log still has that.
    fn describe_creation(&self) -> String {
        let is_first = |entry: &&Entry| status(entry).is_some_and(|field| field.from.is_none());
        let first = self.log.iter().find(is_first);
        first.map_or_else(|| at(self.key.created_at), by)
    }

    /// When the key was deactivated.
    pub fn deactivated_at(&self) -> Option<Timestamp> {
        self.deactivation().map(|deactivation| deactivation.at)
    }

    /// The entry of its deactivation.
    fn deactivation(&self) -> Option<&Entry> {
        let inactive = Some(Status::Inactive.into_str());
        let is_stop = |entry: &&Entry| status(entry).is_some_and(|to| to.to.as_deref() == inactive);
        self.log.iter().rev().find(is_stop)
    }

    fn done(&self, display: &DisplayContext) -> Vec<(bool, String)> {
        let stopped = self
            .deactivation()
            .map_or_else(String::new, |deactivation| format!(" {}", by(deactivation)));
        let new = match (self.replacement, self.renewed) {
            (Replacement::Made, Some(renewed)) => format!(
                "a new secret was created, {}; the key is active with it, and the leaked one no \
                 longer works",
                ends_in(&renewed.tail, display)
            ),
            (Replacement::Failed, _) => "creating a new secret failed".to_owned(),
            _ => "no new secret was created yet".to_owned(),
        };
        let is_renewed = self.renewed.is_some();
        vec![
            (true, format!("the key was deactivated{stopped}")),
            (is_renewed, new),
        ]
    }

    /// What is left for people to do.
    fn remaining_steps(&self, display: &DisplayContext) -> Vec<(bool, String)> {
        let name = &self.key.name;
        let mut remaining_steps = Vec::new();
        if self.renewed.is_some() {
            remaining_steps.push("deploy the new secret to whatever uses the key".to_owned());
        } else {
            remaining_steps.push(format!(
                "create a new secret: `{}`; or, if the key is no longer needed, `{}`",
                display.command(&format!("revoke --replace {name}")),
                display.command(&format!("delete {name}"))
            ));
            remaining_steps.push("do not activate the key again: its secret is known".to_owned());
        }
        remaining_steps.push(match &self.used {
            Some(used) if used.has_addresses() => {
                "check the addresses below: which of them are not yours?".to_owned()
            }
            _ => "look into the logs of your own servers: no address is recorded here".to_owned(),
        });
        remaining_steps.push("find out what was done with the key since the leak".to_owned());
        remaining_steps.push(format!(
            "remove the secret ({}) from where it leaked: the repository and its history, logs \
             and their copies, chats, tickets",
            ends_in(&self.key.tail, display)
        ));
        let identify = display.command("identify");
        remaining_steps.push(format!(
            "search there for others: `{identify}` reads any text"
        ));
        remaining_steps.push("inform everyone affected".to_owned());
        remaining_steps
            .push("find out how it leaked, and prevent it from happening again".to_owned());
        remaining_steps
            .into_iter()
            .map(|task| (false, task))
            .collect()
    }

    fn add_usage(&self, document: &mut Document, display: &DisplayContext) {
        document.heading(2, "Use");
        let used = self.used.as_ref().filter(|used| !used.is_empty());
        let Some(used) = used else {
            document.paragraph("No usage of this key is recorded.");
            return;
        };
        document.table(["What", "Value"], &self.totals(used));
        document.paragraph(&self.describe_refusals());
        let days = days(used, display.now);
        if !days.is_empty() {
            document.heading(3, "Requests by day");
            document.paragraph(&format!("Days with requests in the last {MAX_DAYS} days."));
            document.table(["Day", "Requests"], &days);
        }
        let mail = mail::by_day(used, MAX_DAYS, display.now);
        if !mail.is_empty() {
            document.heading(3, "Mail by day");
            document.paragraph(&format!("Days with mail in the last {MAX_DAYS} days."));
            document.table(["Day", "Mails", "Recipients"], &mail);
        }
        if !used.addresses.is_empty() {
            document.heading(3, "Addresses");
            document.paragraph(
                "The most recent addresses on record. Look first at those that are not yours.",
            );
            document.table(["Address", "Requests", "Last"], &addresses(used));
        }
        if !used.refused.is_empty() {
            document.heading(3, "Refusals");
            document.table(["Why", "Times", "Last", "From"], &refusals(used));
        }
    }

    fn describe_refusals(&self) -> String {
        let Some(last) = self.refusals.last_at else {
            return "No use has been recorded since it was revoked.".to_owned();
        };
        let from = self.refusals.last_address.as_deref();
        let from = from.map(|address| format!(" from {}", code(address)));
        format!(
            "Since it was revoked it has been refused {}, most recently at {}{}.",
            count_of_refusals(&self.refusals),
            at(last),
            from.unwrap_or_default()
        )
    }

    fn totals(&self, used: &Details) -> Vec<[String; 2]> {
        let first = used.secrets.iter().map(|secret| secret.first_at).min();
        let mut totals = vec![
            ["First use".to_owned(), at_or_never(first)],
            [
                "Last request".to_owned(),
                at_or_never(used.last_request_at()),
            ],
        ];
        let last_mail = used.last_mail_at();
        totals.extend(last_mail.map(|last| ["Last mail".to_owned(), at(last)]));
        if let Some(leaked_at) = self.leaked_at {
            let first = day_of(leaked_at);
            let last = self.deactivated_at().map_or(i64::MAX, day_of);
            let within = used
                .days
                .iter()
                .filter(|day| (first..=last).contains(&day.day));
            let count: u64 = within.map(|day| u64::from(day.count)).sum();
            totals.push([
                "Requests between leak and deactivation".to_owned(),
                format!("{count}, counted in whole days"),
            ]);
        }
        totals
    }

    /// The key's log entries, and its first and last use, in order.
    fn timeline(&self, display: &DisplayContext) -> Vec<[String; 3]> {
        let mut events: Vec<(Timestamp, String, String)> = Vec::new();
        for entry in self.log {
            let changes = describe_changes(&entry.change, |field, value| {
                displayed(field, value, display)
            });
            let what = match changes.is_empty() {
                true => code(&entry.command),
                false => format!("{}: {}", code(&entry.command), code(&changes)),
            };
            events.push((entry.at, what, code(&who(&entry.actor))));
        }
        let mut add = |when, what: String| events.push((when, what, "–".to_owned()));
        if let Some(leaked_at) = self.leaked_at {
            add(leaked_at, "the leak may have begun".to_owned());
        }
        for secret in self.used.iter().flat_map(|used| &used.secrets) {
            let tail = secret.tail.parse::<Tail>();
            let tail = tail.map_or_else(|_| code(&secret.tail), |tail| ends_in(&tail, display));
            add(
                secret.first_at,
                format!("first use, with the secret that {tail}"),
            );
            add(
                secret.last_at,
                format!("last use, with the secret that {tail}"),
            );
        }
        for address in self.used.iter().flat_map(|used| &used.addresses) {
            add(
                address.last_at,
                format!("last request from {}", code(&address.address)),
            );
        }
        for refused in self.used.iter().flat_map(|used| &used.refused) {
            let from = refused.last_address();
            let from = from.map(|address| format!(" from {}", code(address)));
            let verdict = code(&refused.verdict);
            let from = from.unwrap_or_default();
            add(refused.last_at, format!("last refusal{from}: {verdict}"));
        }
        events.sort_by_key(|(when, ..)| *when);
        let row = |(when, what, who)| [at(when), what, who];
        events.into_iter().map(row).collect()
    }
}

/// The change of status in an entry.
fn status(entry: &Entry) -> Option<&Field> {
    entry.change.iter().find(|field| field.field == "status")
}

/// A logged value; only the last characters of a tail.
fn displayed(field: &str, value: &str, display: &DisplayContext) -> String {
    match (field, value.parse::<Tail>()) {
        ("tail" | "retiring", Ok(tail)) => display.tail(&tail),
        _ => value.to_owned(),
    }
}

fn ends_in(tail: &Tail, display: &DisplayContext) -> String {
    match tail.is_imported() {
        true => "was imported".to_owned(),
        false => format!("ends in {}", code(&display.tail(tail))),
    }
}

/// `2026-11-22 10:00:00Z`
fn at(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn at_or_never(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| NO_RECORDED_USE.to_owned(), at)
}

/// `2026-11-22 10:00:00Z by ops@host1`
fn by(entry: &Entry) -> String {
    format!("{} by {}", at(entry.at), code(&who(&entry.actor)))
}

fn days(used: &Details, now: Timestamp) -> Vec<[String; 2]> {
    let counts = used.by_day(MAX_DAYS, now);
    let first = day_of(now) + 1 - MAX_DAYS as i64;
    let dated = (first..).zip(counts).filter(|(_, count)| *count > 0);
    dated
        .map(|(day, count)| [time::date(day), count.to_string()])
        .collect()
}

fn addresses(used: &Details) -> Vec<[String; 3]> {
    let row = |address: &Address| {
        let (count, last) = (address.count.to_string(), at(address.last_at));
        [code(&address.address), count, last]
    };
    used.addresses.iter().map(row).collect()
}

fn refusals(used: &Details) -> Vec<[String; 4]> {
    let row = |refused: &Refused| {
        let (count, last) = (refused.count.to_string(), at(refused.last_at));
        [code(&refused.verdict), count, last, refused_from(refused)]
    };
    used.refused.iter().map(row).collect()
}

/// `203.0.113.66` (12), `198.51.100.7` (2), 5 more
fn refused_from(refused: &Refused) -> String {
    let newest = &refused.addresses.newest;
    let one = |address: &Address| format!("{} ({})", code(&address.address), address.count);
    let mut from: Vec<_> = newest.iter().map(one).collect();
    let others = refused.addresses.count.saturating_sub(from.len() as u64);
    from.extend((others > 0).then(|| format!("{others} more")));
    match from.is_empty() {
        true => "not recorded".to_owned(),
        false => from.join(", "),
    }
}
