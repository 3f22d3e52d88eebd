//! A key.

use jiff::Timestamp;
use serde::Serialize;

use super::{EntryView, or_empty, text};
use crate::key::{Key, Limit};
use crate::ui::Look;
use crate::ui::listing::{Item, Row, table_of};
use crate::ui::table::{self, Column};
use crate::vault::Entry;

/// A key as every command shows it.
#[derive(Debug, Serialize)]
pub struct KeyView<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'static str,
    pub(super) username: Option<&'a str>,
    pub(super) tail: &'a str,
    pub(super) status: &'static str,
    permission: Option<&'a str>,
    #[serde(serialize_with = "text")]
    limit: Option<Limit>,
    description: Option<&'a str>,
    #[serde(serialize_with = "text")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "text")]
    expires_at: Option<Timestamp>,
    // Part of the interface from the start; this version records no use.
    last_used_at: Option<&'a str>,
    requests_today: Option<u64>,
    #[serde(skip)]
    pub(super) key: &'a Key,
}

impl<'a> KeyView<'a> {
    /// The key as it stands at `now`.
    pub fn new(key: &'a Key, now: Timestamp) -> Self {
        Self {
            name: key.name.as_str(),
            kind: key.kind().word(),
            username: key.username().map(|username| username.as_str()),
            tail: key.tail.as_str(),
            status: key.standing(now).word(),
            permission: key.permission().map(|permission| permission.as_str()),
            limit: key.limit().filter(|&limit| limit != Limit::None),
            description: key
                .description
                .as_ref()
                .map(|description| description.as_str()),
            created_at: Some(key.created_at),
            expires_at: key.expires_at,
            last_used_at: None,
            requests_today: None,
            key,
        }
    }

    /// All about the key, a line each, for people.
    pub fn facts(&self, look: &Look) -> String {
        let mut facts = vec![
            ("name", self.name.to_owned()),
            ("kind", self.key.kind().title().to_owned()),
        ];
        let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
        add("username", self.username.map(str::to_owned));
        add(
            "secret",
            Some(format!("ends in {}", look.tail(&self.key.tail))),
        );
        add("status", Some(self.status.to_owned()));
        add("permission", self.permission.map(str::to_owned));
        add("limit", self.key.limit().map(|limit| limit.to_string()));
        add("description", self.description.map(str::to_owned));
        add(
            "created",
            Some(look.moment_and_distance(self.key.created_at)),
        );
        add("expires", Some(look.end(self.key.expires_at)));
        table::facts(&facts)
    }
}

impl Item for KeyView<'_> {
    const FIELDS: &'static [&'static str] = &[
        "name",
        "kind",
        "username",
        "tail",
        "status",
        "permission",
        "limit",
        "description",
        "created_at",
        "expires_at",
        "last_used_at",
        "requests_today",
    ];

    fn fields(&self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.kind.to_owned(),
            or_empty(self.username),
            self.tail.to_owned(),
            self.status.to_owned(),
            or_empty(self.permission),
            or_empty(self.limit),
            or_empty(self.description),
            or_empty(self.created_at),
            or_empty(self.expires_at),
            or_empty(self.last_used_at),
            or_empty(self.requests_today),
        ]
    }
}

impl Row for KeyView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::wrapped("NAME", 1),
        Column::dropped("KIND", 2),
        Column::cut("USERNAME", 5),
        Column::fixed("TAIL"),
        Column::fixed("STATUS"),
        Column::dropped("PERMISSION", 4),
        Column::dropped("LIMIT", 6),
        Column::dropped("CREATED", 7),
        Column::dropped("EXPIRES", 3),
        Column::cut("DESCRIPTION", 8),
    ];

    fn cells(&self, look: &Look) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.kind.to_owned(),
            or_empty(self.username),
            look.tail(&self.key.tail),
            self.status.to_owned(),
            or_empty(self.permission),
            or_empty(self.limit),
            look.distance(self.key.created_at),
            self.expires_at
                .map_or("never".to_owned(), |end| look.distance(end)),
            or_empty(self.description),
        ]
    }
}

/// A key and what happened to it last.
#[derive(Debug, Serialize)]
pub struct KeyDetails<'a> {
    #[serde(flatten)]
    key: KeyView<'a>,
    log: Vec<EntryView<'a>>,
}

impl<'a> KeyDetails<'a> {
    /// The key and its newest entries, the newest last.
    pub fn new(key: KeyView<'a>, log: &'a [Entry]) -> Self {
        Self {
            key,
            log: log.iter().map(EntryView::new).collect(),
        }
    }

    /// All of it, for people.
    pub fn facts(&self, look: &Look) -> String {
        format!("{}\n\n{}", self.key.facts(look), table_of(&self.log, look))
    }
}

impl Item for KeyDetails<'_> {
    const FIELDS: &'static [&'static str] = KeyView::FIELDS;

    fn fields(&self) -> Vec<String> {
        self.key.fields()
    }
}
