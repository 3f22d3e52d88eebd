//! The use of a key.

use jiff::Timestamp;
use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::mail;
use super::recorded::Recorded;
use super::{counted, or_empty, text};
use crate::key::{Allowance, Key, Kind};
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;
use crate::ui::{DisplayContext, spark};
use crate::usage::{Address, Details, RefusalAddresses, RefusalSummary, Refused};

/// The text for a key that was never accepted.
pub(super) const NO_RECORDED_USE: &str = "no recorded use";

/// How many days the column of bars shows.
const SPARK_DAYS: usize = 14;

/// How many days count as a month.
const MONTH: usize = 30;

/// How many addresses are shown.
const MAX_ADDRESSES: usize = 5;

/// How many addresses of a refusal's reason are shown.
const MAX_REFUSED_ADDRESSES: usize = 3;

/// A key's use, as a row of `usage`.
#[derive(Debug, Serialize)]
pub struct UsageView<'a> {
    name: &'a str,
    kind: &'static str,
    requests_today: u64,
    requests_7d: u64,
    requests_30d: u64,
    refused: u64,
    last_refusal: Option<&'a str>,
    #[serde(serialize_with = "text")]
    last_refused_at: Option<Timestamp>,
    last_refused_address: Option<&'a str>,
    #[serde(serialize_with = "text")]
    last_used_at: Option<Timestamp>,
    last_address: Option<&'a str>,
    mails_today: Option<u64>,
    mails_7d: Option<u64>,
    mails_30d: Option<u64>,
    recipients_today: Option<u64>,
    recipients_7d: Option<u64>,
    recipients_30d: Option<u64>,
    #[serde(flatten)]
    recorded: Recorded<'a>,
    #[serde(skip)]
    details: &'a Details,
}

impl<'a> UsageView<'a> {
    /// Describes the key's use at `now`.
    pub fn new(key: &'a Key, details: &'a Details, now: Timestamp) -> Self {
        let refusal = details.refused.first();
        let is_smtp = key.kind() == Kind::Smtp;
        let mail = |days| Some(details.mail_total(days, now)).filter(|_| is_smtp);
        let mails = |days| mail(days).map(|total| total.mails);
        let recipients = |days| mail(days).map(|total| total.recipients);
        Self {
            name: key.name.as_str(),
            kind: key.kind().into_str(),
            requests_today: details.requests(1, now),
            requests_7d: details.requests(7, now),
            requests_30d: details.requests(MONTH, now),
            refused: details.refusals(),
            last_refusal: refusal.map(|refused| refused.verdict.as_str()),
            last_refused_at: refusal.map(|refused| refused.last_at),
            last_refused_address: refusal.and_then(Refused::last_address),
            last_used_at: details.last_used_at(),
            last_address: details.last_address(),
            mails_today: mails(1),
            mails_7d: mails(7),
            mails_30d: mails(MONTH),
            recipients_today: recipients(1),
            recipients_7d: recipients(7),
            recipients_30d: recipients(MONTH),
            recorded: Recorded::new(details),
            details,
        }
    }

    /// `3, last over-limit 203.0.113.66`; empty for none.
    fn refusals(&self) -> String {
        let from = self.last_refused_address;
        let from = from.map(|address| format!(" {address}"));
        let from = from.unwrap_or_default();
        self.last_refusal
            .map(|verdict| format!("{}, last {verdict}{from}", self.refused))
            .unwrap_or_default()
    }
}

impl FieldNamesAsSlice for UsageView<'_> {
    const FIELD_NAMES_AS_SLICE: &'static [&'static str] = &[
        "name",
        "kind",
        "requests_today",
        "requests_7d",
        "requests_30d",
        "refused",
        "last_refusal",
        "last_refused_at",
        "last_used_at",
        "last_address",
        "last_refused_address",
        "mails_today",
        "mails_7d",
        "mails_30d",
        "recipients_today",
        "recipients_7d",
        "recipients_30d",
    ];
}

impl Item for UsageView<'_> {}

impl Row for UsageView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::wrapped("NAME", 1),
        Column::fixed("TODAY"),
        Column::dropped("7 DAYS", 6),
        Column::dropped("30 DAYS", 5),
        Column::dropped("LAST 14 DAYS", 2),
        Column::dropped("MAIL TODAY", 3),
        Column::cut("REFUSED", 4),
        Column::fixed("LAST USED"),
        Column::cut("LAST ADDRESS", 7),
    ];

    fn cells(&self, display: &DisplayContext) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.requests_today.to_string(),
            self.requests_7d.to_string(),
            self.requests_30d.to_string(),
            spark::line(&self.details.by_day(SPARK_DAYS, display.now)),
            mail::cell(self.details, display.now),
            self.refusals(),
            self.last_used_at
                .map_or("never".to_owned(), |last| display.distance(last)),
            or_empty(self.last_address),
        ]
    }
}

/// A key's use as facts, for people.
pub(super) fn described(
    key: &Key,
    details: &Details,
    display: &DisplayContext,
) -> Vec<(&'static str, String)> {
    let mut facts = vec![("last used", last_use_told(details, display))];
    if let Some(requests) = requests(details, display) {
        facts.push(("requests", requests));
        let sparks = spark::line(&details.by_day(MONTH, display.now));
        facts.extend(Some(("", sparks)).filter(|(_, sparks)| !sparks.is_empty()));
    }
    let mail = mail::fact(details, MONTH, display.now);
    facts.extend(mail.map(|mail| ("mail", mail)));
    let used = limit_used(key, details, display);
    facts.extend(used.map(|used| ("limit used", used)));
    let refused = details.refused.iter().flat_map(|refused| {
        let reason = Some(refusal(refused, display));
        reason
            .into_iter()
            .chain(refused_from(&refused.addresses, display))
    });
    facts.extend(labeled_lines("refused", refused));
    let addresses = details.addresses.iter().take(MAX_ADDRESSES).map(|address| {
        let count = counted(address.count, "request", "requests");
        let last = display.distance(address.last_at);
        format!("{}, {count}, last {last}", address.address)
    });
    facts.extend(labeled_lines("addresses", addresses));
    facts
}

/// `14 times as inactive, last from 203.0.113.66 2 hours ago`
fn refusal(refused: &Refused, display: &DisplayContext) -> String {
    let times = counted(u64::from(refused.count), "time", "times");
    let from = refused.last_address();
    let from = from.map(|address| format!(" from {address}"));
    let (from, last) = (from.unwrap_or_default(), display.distance(refused.last_at));
    format!("{times} as {}, last{from} {last}", refused.verdict)
}

/// Addresses, one per line: `  12 from 203.0.113.66, last 2 hours ago`; empty if the last address
/// is the only one.
fn refused_from(from: &RefusalAddresses, display: &DisplayContext) -> Vec<String> {
    if from.count < 2 {
        return Vec::new();
    }
    let one = |address: &Address| {
        let (count, last) = (address.count, display.distance(address.last_at));
        format!("  {count} from {}, last {last}", address.address)
    };
    let displayed = from.newest.iter().take(MAX_REFUSED_ADDRESSES);
    let mut described: Vec<_> = displayed.map(one).collect();
    let others = from.count.saturating_sub(described.len() as u64);
    if others > 0 {
        described.push(format!(
            "  others from {}",
            counted(others, "more address", "more addresses")
        ));
    }
    described
}

/// Lines of which only the first has a label.
pub(super) fn labeled_lines(
    name: &'static str,
    lines: impl Iterator<Item = String>,
) -> impl Iterator<Item = (&'static str, String)> {
    let names = [name].into_iter().chain(std::iter::repeat(""));
    names.zip(lines)
}

/// What is left of the key's limit in the current window; `None` if it has no limit.
pub(super) fn allowance(key: &Key, details: &Details, now: Timestamp) -> Option<Allowance> {
    key.limit().allowance(details.window, now)
}

/// `38 of 500 recipients, resets 2026-11-23 00:00:00Z (in 3 hours)`; `None` for a key without a
/// limit or without use.
fn limit_used(key: &Key, details: &Details, display: &DisplayContext) -> Option<String> {
    details.last_used_at()?;
    let allowance = allowance(key, details, display.now)?;
    let unit = match key.kind() {
        Kind::Smtp => "recipients",
        Kind::Api => "requests",
    };
    let (used, limit) = (allowance.used.count, allowance.limit);
    let reset = display.moment_and_distance(allowance.reset()?);
    Some(format!("{used} of {limit} {unit}, resets {reset}"))
}

fn last_use_told(details: &Details, display: &DisplayContext) -> String {
    let Some(last) = details.last_used_at() else {
        return NO_RECORDED_USE.to_owned();
    };
    match details.address_of_last_use() {
        Some(address) => format!("{}, from {address}", display.moment_and_distance(last)),
        None => display.moment_and_distance(last),
    }
}

fn requests(details: &Details, display: &DisplayContext) -> Option<String> {
    let count = |days| details.requests(days, display.now);
    details.last_used_at()?;
    Some(format!(
        "{} today, {} in the last {MONTH} days",
        count(1),
        count(MONTH)
    ))
}

/// A key's last use: `last used 3 minutes ago from 203.0.113.9, 214 requests today`.
pub fn last_use(details: &Details, display: &DisplayContext) -> String {
    match last_use_line(details, display) {
        None => NO_RECORDED_USE.to_owned(),
        Some(last) => format!("last used {last}"),
    }
}

/// The same with the kind of use: `last SMTP login 3 minutes ago from 203.0.113.9, 2 requests
/// today`, or `last mail`.
pub fn last_request(kind: Kind, details: &Details, display: &DisplayContext) -> Option<String> {
    let request = match kind {
        Kind::Smtp if details.last_mail_at() > details.last_request_at() => "mail",
        Kind::Smtp => "SMTP login",
        Kind::Api => "API request",
    };
    let last = last_use_line(details, display)?;
    Some(format!("last {request} {last}"))
}

/// `3 minutes ago from 203.0.113.9, 214 requests today`; `None` if it was never used.
fn last_use_line(details: &Details, display: &DisplayContext) -> Option<String> {
    let last = details.last_used_at()?;
    let address = details.address_of_last_use();
    let from = address.map(|address| format!(" from {address}"));
    let (ago, from) = (display.distance(last), from.unwrap_or_default());
    let today = today(details, display.now);
    let today = today.map(|today| format!(", {today} today"));
    Some(format!("{ago}{from}{}", today.unwrap_or_default()))
}

/// `2 requests and 12 mails to 40 recipients`; `None` for no use today.
fn today(details: &Details, now: Timestamp) -> Option<String> {
    let requests = Some(details.requests(1, now)).filter(|&count| count > 0);
    let requests = requests.map(|count| counted(count, "request", "requests"));
    let mail = Some(details.mail_total(1, now)).filter(|total| total.mails > 0);
    let used: Vec<_> = requests.into_iter().chain(mail.map(mail::phrase)).collect();
    (!used.is_empty()).then(|| used.join(" and "))
}

/// The count and the addresses: `14 times from 2 addresses`
pub(super) fn count_of_refusals(refusals: &RefusalSummary) -> String {
    let times = counted(refusals.count, "time", "times");
    let addresses = counted(refusals.addresses, "address", "addresses");
    match (refusals.addresses, refusals.without_address) {
        (0, _) => format!("{times}, address not recorded"),
        (_, 0) => format!("{times} from {addresses}"),
        (_, without) => {
            format!("{times} from {addresses} ({without} without an address)")
        }
    }
}

/// Refusals in one line: `12 unknown, the last 2 hours ago; 3 malformed, last just now`.
pub fn refusals(refused: &[Refused], display: &DisplayContext) -> String {
    let one = |refused: &Refused| {
        let last = display.distance(refused.last_at);
        format!("{} {}, last {last}", refused.count, refused.verdict)
    };
    refused.iter().map(one).collect::<Vec<_>>().join("; ")
}
