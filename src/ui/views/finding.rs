//! A finding of `check`.

use jiff::Timestamp;
use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::{counted, text};
use crate::check::{CountedUse, Finding, Necessity};
use crate::key::{KeyName, Kind, quoted};
use crate::ui::DisplayContext;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;
use crate::usage::REQUEST_DAYS;

/// A finding about a key.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct FindingView<'a> {
    name: &'a str,
    kind: &'static str,
    finding: &'static str,
    #[serde(serialize_with = "text")]
    since_at: Option<Timestamp>,
    #[serde(serialize_with = "text")]
    due_at: Option<Timestamp>,
    message: String,
    hint: String,
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    found: &'a Finding,
}

impl<'a> FindingView<'a> {
    /// Describes a finding about the key with that name.
    pub fn new(
        name: &'a KeyName,
        kind: Kind,
        finding: &'a Finding,
        display: &DisplayContext,
    ) -> Self {
        Self {
            name: name.as_str(),
            kind: kind.into_str(),
            finding: finding.into_str(),
            since_at: finding.since_at(),
            due_at: finding.due_at(),
            message: message(finding, |moment| moment.to_string()),
            hint: display.command(&finding.fix_command(name)),
            found: finding,
        }
    }
}

impl Item for FindingView<'_> {}

impl Row for FindingView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::wrapped("NAME", 1),
        Column::dropped("FINDING", 3),
        Column::wrapped("WHAT", 2),
        Column::fixed("COMMAND"),
    ];

    fn cells(&self, display: &DisplayContext) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.finding.to_owned(),
            message(self.found, |moment| display.distance(moment)),
            self.hint.clone(),
        ]
    }
}

/// The finding as a sentence, with times formatted by `when`.
fn message(finding: &Finding, when: impl Fn(Timestamp) -> String) -> String {
    match finding {
        Finding::UnusualUse {
            counted: what,
            day,
            count,
            busiest_before,
        } => {
            let count = match what {
                CountedUse::Requests => counted(*count, "request", "requests"),
                CountedUse::Recipients => counted(*count, "recipient", "recipients"),
            };
            let day = day.strftime("%Y-%m-%d");
            format!("{count} on {day}, busiest day before: {busiest_before}")
        }
        Finding::NewNetwork {
            network,
            first_at,
            others,
        } => new_network(network, &when(*first_at), *others),
        Finding::DecoyUsed {
            count,
            last_at,
            from,
        } => {
            let presented = presented(*count, from.as_deref(), &when(*last_at));
            format!("a decoy; its secret was {presented}")
        }
        Finding::DeadSecretUsed {
            count,
            last_at,
            from,
            is_deleted,
        } => {
            let of = match is_deleted {
                true => "deleted; its",
                false => "an old",
            };
            let presented = presented(*count, from.as_deref(), &when(*last_at));
            format!("{of} secret was {presented}")
        }
        Finding::NotDelivered {
            destination, held, ..
        } => format!("{} {}", quoted(destination), held.describe(when)),
        Finding::OldSecretUsed {
            retires_at,
            used_at,
            ..
        } => {
            let (stops, used) = (when(*retires_at), when(*used_at));
            format!("the old secret retires {stops} but was still used {used}")
        }
        Finding::NewSecretUnused { retires_at, .. } => {
            let stops = when(*retires_at);
            format!("the old secret retires {stops} but the new one has never been used")
        }
        Finding::RotationOpen { retires_at, .. } => {
            format!("the old secret retires {}", when(*retires_at))
        }
        Finding::RotationHeld {
            held_at,
            reason,
            detail,
        } => {
            let detail = detail.as_ref();
            let detail = detail.map(|detail| format!(" ({detail})"));
            let (since, why) = (when(*held_at), reason.describe());
            format!(
                "automatic rotation held {since}: {why}{}",
                detail.unwrap_or_default()
            )
        }
        Finding::RotationStalled { due_at, .. } => {
            format!("automatic rotation not continued since {}", when(*due_at))
        }
        Finding::Expired {
            at,
            need: Necessity::Early,
        } => {
            let expires = when(*at);
            format!("expires {expires}, but a fast clock marked it expired")
        }
        Finding::Expired { at, need } => {
            let used = match need {
                Necessity::Used => " and was used recently",
                Necessity::Unused => " and has not been used recently",
                Necessity::Unknown | Necessity::Early => "",
            };
            format!("expired {}{used}", when(*at))
        }
        Finding::Expiring { at, .. } => format!("expires {}", when(*at)),
        Finding::RotationDue {
            made_at, due_at, ..
        } => {
            let (due, made) = (when(*due_at), when(*made_at));
            format!("rotation due {due}, secret created {made}")
        }
        Finding::RotationUnfinished { used_at, .. } => {
            let used = when(*used_at);
            format!("only the new secret has been used since {used}")
        }
        Finding::Unused { last_used_at, .. } => format!("last used {}", when(*last_used_at)),
        Finding::NoExpiry { .. } => "never expires".to_owned(),
        Finding::LongLived { at, latest_at, .. } => {
            let (expires, latest) = (when(*at), when(*latest_at));
            format!("expires {expires}; the latest allowed is {latest}")
        }
        Finding::NoLimit { .. } => "has no limit".to_owned(),
        Finding::ExcessPermission {
            has, enough, count, ..
        } => {
            let requests = counted(*count, "request", "requests");
            format!("has {has}, but {enough} allows all {requests} of the last {REQUEST_DAYS} days")
        }
        Finding::NeverUsed { made_at, .. } => format!("never used, created {}", when(*made_at)),
    }
}

/// `presented 3 times, most recently 2 hours ago from 203.0.113.66`, or `presented once, …`
fn presented(count: u64, from: Option<&str>, last: &str) -> String {
    let from = from.map(|from| format!(" from {from}"));
    let from = from.unwrap_or_default();
    match count {
        1 => format!("presented once, {last}{from}"),
        _ => format!("presented {count} times, most recently {last}{from}"),
    }
}

fn new_network(network: &str, first: &str, others: usize) -> String {
    let more = match others {
        0 => String::new(),
        1 => " and another network".to_owned(),
        others => format!(" and {others} other networks"),
    };
    format!("first used {first} from {network}{more}")
}
