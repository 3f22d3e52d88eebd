//! A log entry, and the result of verifying the log.

use jiff::Timestamp;
use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::{counted, text};
use crate::key::Tail;
use crate::ui::DisplayContext;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;
use crate::vault::{Actor, Chain, Entry, Field, Sudoer};

/// How many characters of a hash are shown where they only distinguish two heads.
const SHORT_HASH: usize = 12;

/// A log entry.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct EntryView<'a> {
    sequence: i64,
    #[serde(serialize_with = "text")]
    at: Option<Timestamp>,
    uid: u32,
    user: &'a str,
    sudo_user: Option<&'a str>,
    sudo_user_verified: Option<bool>,
    host: &'a str,
    command: &'a str,
    key: &'a str,
    change: &'a [Field],
    hash: String,
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    entry: &'a Entry,
}

impl<'a> EntryView<'a> {
    /// Describes an entry.
    pub fn new(entry: &'a Entry) -> Self {
        let sudoer = entry.actor.sudoer.as_ref();
        Self {
            sequence: entry.sequence,
            at: Some(entry.at),
            uid: entry.actor.uid,
            user: &entry.actor.user,
            sudo_user: sudoer.map(Sudoer::name),
            sudo_user_verified: sudoer.map(Sudoer::is_verified),
            host: &entry.actor.host,
            command: &entry.command,
            key: &entry.key,
            change: &entry.change,
            hash: base16ct::lower::encode_string(&entry.hash),
            entry,
        }
    }
}

impl Item for EntryView<'_> {
    fn cell(&self, field: &str) -> Option<String> {
        (field == "change").then(|| describe_changes(self.change, |_, value| value.to_owned()))
    }
}

impl Row for EntryView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::moments("WHEN"),
        Column::wrapped("WHO", 1),
        Column::fixed("COMMAND"),
        Column::wrapped("KEY", 2),
        Column::below("CHANGE", 3),
    ];

    fn cells(&self, display: &DisplayContext) -> Vec<String> {
        vec![
            display.moment(self.entry.at),
            who(&self.entry.actor),
            self.command.to_owned(),
            self.key.to_owned(),
            changes(self.change, display),
        ]
    }
}

/// `ops@host1`; `ops as root@host1` if the kernel confirms that somebody became another user,
/// `root@host1 (SUDO_USER=ops)` if only the environment says so.
pub(super) fn who(actor: &Actor) -> String {
    let Actor {
        user, sudoer, host, ..
    } = actor;
    match sudoer {
        None => format!("{user}@{host}"),
        Some(sudoer) if sudoer.is_verified() => format!("{} as {user}@{host}", sudoer.name()),
        Some(sudoer) => format!("{user}@{host} (SUDO_USER={})", sudoer.name()),
    }
}

/// The result of `log verify`.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct ChainView {
    holds: bool,
    entries: i64,
    head: String,
    broken_at: Option<i64>,
    reason: Option<&'static str>,
}

impl ChainView {
    /// Describes the result.
    pub fn new(chain: &Chain) -> Self {
        Self {
            holds: chain.broken.is_none(),
            entries: chain.entries,
            head: base16ct::lower::encode_string(&chain.head),
            broken_at: chain.broken.map(|(sequence, _)| sequence),
            reason: chain.broken.map(|(_, reason)| reason),
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        match (self.broken_at, self.reason) {
            (Some(sequence), Some(reason)) => {
                format!("audit log verification failed at entry {sequence}: it {reason}")
            }
            _ => format!(
                "the log is valid: {}, head {}",
                counted(self.entries, "entry", "entries"),
                self.head
            ),
        }
    }
}

impl Item for ChainView {}

/// The changes of an entry, for people: only the last characters of a tail.
pub fn changes(fields: &[Field], display: &DisplayContext) -> String {
    describe_changes(fields, |field, value| match field {
        "tail" | "retiring" => value
            .parse()
            .map_or_else(|_| value.to_owned(), |tail: Tail| display.tail(&tail)),
        "head" => short_head(value),
        "expires_at" | "expired_at" | "retires_at" | "retired_at" | "clock" => value
            .parse()
            .map_or_else(|_| value.to_owned(), |end| display.moment(end)),
        _ => value.to_owned(),
    })
}

/// A log head with a shortened hash: `12 9c1f0e7a5b3d…`
fn short_head(head: &str) -> String {
    match head.split_once(' ') {
        Some((entry, hash)) if hash.len() > SHORT_HASH && hash.is_ascii() => {
            format!("{entry} {}…", &hash[..SHORT_HASH])
        }
        _ => head.to_owned(),
    }
}

/// `status active → inactive, limit 300/day`. Omits a new or deleted name, which is shown anyway,
/// the end of a removed secret, and checksums, which are for programs.
pub(super) fn describe_changes(fields: &[Field], show: impl Fn(&str, &str) -> String) -> String {
    let one = |Field { field, from, to }: &Field| {
        let show = |value: &String| show(field, value);
        let field = field.strip_suffix("_at").unwrap_or(field);
        match (from.as_ref().map(show), to.as_ref().map(show)) {
            (Some(from), Some(to)) => format!("{field} {from} → {to}"),
            (None, Some(to)) => format!("{field} {to}"),
            (from, None) => {
                let were = match field {
                    "senders" | "networks" | "labels" => "were",
                    _ => "was",
                };
                format!("{field} {were} {}", from.unwrap_or_default())
            }
        }
    };
    let is_told = |field: &&Field| match field.field.as_str() {
        "name" => field.from.is_some() && field.to.is_some(),
        "retires_at" | "retired_at" => field.to.is_some(),
        "checksum" | "retiring_checksum" => false,
        _ => true,
    };
    fields
        .iter()
        .filter(is_told)
        .map(one)
        .collect::<Vec<_>>()
        .join(", ")
}
