//! A key.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use struct_field_names_as_array::FieldNamesAsSlice;

use super::recorded::Recorded;
use super::rotation::{self, RotationProgressView};
use super::secret::{self, SecretView};
use super::usage::{NO_RECORDED_USE, allowance, described, labeled_lines};
use super::{EntryView, PolicyView, or_empty, text};
use crate::key::{Allowance, Key, Kind, Labels, Limit, Networks, Senders, Tail, quoted};
use crate::ui::listing::{Item, Row, table_of};
use crate::ui::table::{self, Column};
use crate::ui::{DisplayContext, MenuItem};
use crate::usage::{Details, Summary};
use crate::vault::{AutomaticRotation, Entry, LastDelivery, SecretInfo};

/// A key as every command shows it.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct KeyView<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'static str,
    pub(super) username: Option<&'a str>,
    pub(super) tail: Option<&'a str>,
    pub(super) status: &'static str,
    permission: Option<&'a str>,
    #[serde(serialize_with = "text")]
    limit: Option<Limit>,
    description: Option<&'a str>,
    #[serde(serialize_with = "text")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "text")]
    expires_at: Option<Timestamp>,
    #[serde(serialize_with = "text")]
    last_used_at: Option<Timestamp>,
    requests_today: Option<u32>,
    #[serde(serialize_with = "text")]
    senders: Option<&'a Senders>,
    #[serde(serialize_with = "text")]
    networks: Option<&'a Networks>,
    mails_today: Option<u64>,
    recipients_today: Option<u64>,
    #[serde(serialize_with = "labels")]
    labels: &'a Labels,
    pub(super) owner: Option<&'a str>,
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    pub(super) key: &'a Key,
    /// Whether usage is recorded in the vault at all.
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    is_recorded: bool,
    /// Whether its secret can be shown again.
    #[serde(skip)]
    #[field_names_as_slice(skip)]
    is_default: bool,
}

impl<'a> KeyView<'a> {
    /// Describes the key at `now`.
    pub fn new(key: &'a Key, now: Timestamp) -> Self {
        Self {
            name: key.name.as_str(),
            kind: key.kind().into_str(),
            username: key.username().map(|username| username.as_str()),
            tail: key.tail.known(),
            status: key.effective_status(now).into_str(),
            permission: key
                .permission()
                .filter(|_| !key.is_decoy)
                .map(|permission| permission.as_str()),
            limit: Some(key.limit()).filter(|&limit| limit != Limit::None),
            senders: key.senders().filter(|senders| !senders.are_any()),
            networks: Some(&key.networks).filter(|networks| !networks.are_any()),
            description: key
                .description
                .as_ref()
                .map(|description| description.as_str()),
            created_at: Some(key.created_at),
            expires_at: key.expires_at,
            last_used_at: None,
            requests_today: None,
            mails_today: None,
            recipients_today: None,
            labels: &key.labels,
            owner: key.owner.as_ref().map(|owner| owner.as_str()),
            key,
            is_recorded: false,
            is_default: false,
        }
    }

    /// The same, marked if it is the vault's default key.
    pub fn with_default(self, is_default: bool) -> Self {
        Self { is_default, ..self }
    }

    /// The same, for the secret with this tail.
    pub fn with_tail(self, tail: &'a Tail) -> Self {
        let tail = tail.known();
        Self { tail, ..self }
    }

    /// The same with its use, if any is recorded in the vault.
    pub fn with_use(self, summary: Option<Summary>) -> Self {
        let used = summary.filter(|summary| summary.last_used_at.is_some());
        let is_smtp = self.key.kind() == Kind::Smtp;
        let mail = used.map(|used| used.mail_today).filter(|_| is_smtp);
        Self {
            last_used_at: used.and_then(|used| used.last_used_at),
            requests_today: used.map(|used| used.requests_today),
            mails_today: mail.map(|mail| mail.mails),
            recipients_today: mail.map(|mail| mail.recipients),
            is_recorded: summary.is_some(),
            ..self
        }
    }

    /// All facts about the key, one per line, for people.
    pub fn facts(&self, display: &DisplayContext) -> String {
        let mut facts = self.list(display);
        if let Some(last_used_at) = self.last_used_at {
            facts.push(("last used", display.moment_and_distance(last_used_at)));
        } else if self.is_recorded {
            facts.push(("last used", NO_RECORDED_USE.to_owned()));
        }
        table::facts(&facts)
    }

    /// The key's properties, by name.
    fn list(&self, display: &DisplayContext) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("name", self.name.to_owned()),
            ("kind", self.key.kind().title().to_owned()),
        ];
        let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
        add("username", self.username.map(str::to_owned));
        add("secret", Some(display.tail_phrase(&self.key.tail)));
        let old = self.key.retiring_at(display.now);
        add("old secret", old.map(|old| display.retiring(old)));
        let status = match self.key.is_decoy {
            true => "decoy: never valid; `postkey check` reports each use",
            false => self.status,
        };
        add("status", Some(status.to_owned()));
        let again = "yes: `postkey reveal` shows its secret again";
        add("default", self.is_default.then(|| again.to_owned()));
        add("permission", self.permission.map(str::to_owned));
        if !self.key.is_decoy {
            let unit = match (self.key.kind(), self.limit) {
                (Kind::Smtp, Some(_)) => " (recipients)",
                _ => "",
            };
            add("limit", Some(format!("{}{unit}", self.key.limit())));
            add("senders", self.senders.map(ToString::to_string));
            add("networks", self.networks.map(ToString::to_string));
        }
        add("description", self.description.map(str::to_owned));
        add("labels", self.shown_labels());
        add("owner", self.owner.map(str::to_owned));
        add(
            "created",
            Some(display.moment_and_distance(self.key.created_at)),
        );
        add("expires", Some(display.end(self.key.expires_at)));
        let is_ahead = self.key.expires_at > Some(display.now);
        let seen = self.key.expired_at.filter(|_| is_ahead);
        let seen = seen.map(|at| display.moment_and_distance(at));
        add(
            "expired",
            seen.map(|at| format!("seen {at}: run `postkey doctor` to check the clock")),
        );
        facts
    }

    /// The key in a menu: `web`, `api`, `active`, `used 3 days ago`.
    pub fn menu_item(&self, display: &DisplayContext) -> MenuItem {
        let used = match (self.last_used_at, self.is_recorded) {
            (Some(last), _) => format!("used {}", display.distance(last)),
            (None, true) => "never used".to_owned(),
            (None, false) => String::new(),
        };
        let (name, kind, status) = (self.name, self.kind, self.status);
        vec![name.to_owned(), kind.to_owned(), status.to_owned(), used]
    }

    /// The labels as text, if there are any.
    pub(super) fn shown_labels(&self) -> Option<String> {
        (!self.labels.are_none()).then(|| self.labels.to_string())
    }

    pub(super) fn last_used(&self, display: &DisplayContext) -> String {
        match self.last_used_at {
            Some(last_used_at) => display.distance(last_used_at),
            None if self.is_recorded => "never".to_owned(),
            None => String::new(),
        }
    }
}

impl Item for KeyView<'_> {}

impl Row for KeyView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::wrapped("NAME", 1),
        Column::dropped("KIND", 3),
        Column::cut("USERNAME", 2),
        Column::fixed("TAIL"),
        Column::fixed("STATUS"),
        Column::dropped("PERMISSION", 6),
        Column::dropped("LIMIT", 7),
        Column::dropped("LAST USED", 4),
        Column::dropped("TODAY", 8),
        Column::dropped("CREATED", 10),
        Column::dropped("EXPIRES", 5),
        Column::cut("LABELS", 9),
        Column::cut("OWNER", 11),
        Column::cut("DESCRIPTION", 12),
    ];

    fn cells(&self, display: &DisplayContext) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.kind.to_owned(),
            or_empty(self.username),
            display.tail(&self.key.tail),
            match self.is_default {
                true => format!("{}, default", self.status),
                false => self.status.to_owned(),
            },
            or_empty(self.permission),
            or_empty(self.limit),
            self.last_used(display),
            or_empty(self.requests_today),
            display.distance(self.key.created_at),
            self.expires_at
                .map_or("never".to_owned(), |end| display.distance(end)),
            or_empty(self.shown_labels()),
            or_empty(self.owner),
            or_empty(self.description),
        ]
    }
}

/// Labels as an object in JSON.
fn labels<S: Serializer>(labels: &&Labels, serializer: S) -> Result<S::Ok, S::Error> {
    let labels = labels.iter();
    serializer.collect_map(labels.map(|(name, value)| (name.as_str(), value.as_str())))
}

/// A key with its use and its newest log entries.
#[derive(Debug, Serialize)]
pub struct KeyDetails<'a> {
    #[serde(flatten)]
    key: KeyView<'a>,
    is_default: bool,
    policy: PolicyView,
    secrets: Vec<SecretView<'a>>,
    usage: Option<Recorded<'a>>,
    log: Vec<EntryView<'a>>,
    limit_used: Option<u32>,
    #[serde(serialize_with = "text")]
    limit_resets_at: Option<Timestamp>,
    delivered_to: Option<&'a str>,
    #[serde(serialize_with = "text")]
    delivered_at: Option<Timestamp>,
    rotation: Option<RotationProgressView<'a>>,
    #[serde(skip)]
    details: Option<&'a Details>,
}

impl<'a> KeyDetails<'a> {
    /// Describes the key at `now`, its policy, its secrets, its use if any is recorded in the vault,
    /// and its newest entries, the newest last.
    pub fn new(
        key: KeyView<'a>,
        policy: PolicyView,
        secrets: &'a [SecretInfo],
        details: Option<&'a Details>,
        log: &'a [Entry],
        now: Timestamp,
    ) -> Self {
        let allowance = details.and_then(|details| allowance(key.key, details, now));
        let of = |secret| SecretView::new(secret, details);
        Self {
            is_default: key.is_default,
            key,
            policy,
            secrets: secrets.iter().map(of).collect(),
            usage: details
                .filter(|details| !details.is_empty())
                .map(Recorded::new),
            log: log.iter().map(EntryView::new).collect(),
            limit_used: allowance.map(|allowance| allowance.used.count),
            limit_resets_at: allowance.and_then(Allowance::reset),
            delivered_to: None,
            delivered_at: None,
            rotation: None,
            details,
        }
    }

    /// The same, with where its secret was last delivered.
    pub fn with_delivery(self, delivery: Option<&'a LastDelivery>) -> Self {
        Self {
            delivered_to: delivery.map(|delivery| delivery.destination.as_str()),
            delivered_at: delivery.map(|delivery| delivery.at),
            ..self
        }
    }

    /// The same, with the state of its automatic rotation.
    pub fn with_rotation(self, rotation: Option<&'a AutomaticRotation>) -> Self {
        Self {
            rotation: rotation.map(RotationProgressView::new),
            ..self
        }
    }

    /// All facts, for people.
    pub fn facts(&self, display: &DisplayContext) -> String {
        let mut facts = self.key.list(display);
        if let (Some(old), Some(_)) = (self.key.key.retiring_at(display.now), &self.rotation) {
            let told = rotation::old_secret(old, display);
            let fact = facts.iter_mut().find(|(name, _)| *name == "old secret");
            fact.into_iter()
                .for_each(|(_, value)| value.clone_from(&told));
        }
        if let (Some(to), Some(at)) = (self.delivered_to, self.delivered_at) {
            let when = display.moment_and_distance(at);
            facts.push(("delivered", format!("to {}, {when}", quoted(to))));
        }
        if !self.key.key.is_decoy {
            facts.extend(self.policy.described(display));
        }
        let automatic = self.rotation.as_ref();
        let rotation = secret::rotation(self.key.key, self.details, automatic, display);
        facts.extend(labeled_lines("rotation", rotation.into_iter()));
        if let Some(details) = self.details {
            facts.extend(described(self.key.key, details, display));
        }
        let (facts, log) = (table::facts(&facts), table_of(&self.log, display));
        format!("{facts}\n\n{log}")
    }
}

impl FieldNamesAsSlice for KeyDetails<'_> {
    const FIELD_NAMES_AS_SLICE: &'static [&'static str] = KeyView::FIELD_NAMES_AS_SLICE;
}

impl Item for KeyDetails<'_> {}
