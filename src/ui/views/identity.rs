//! The owners of secrets in a text.

use jiff::Timestamp;
use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::{KeyView, VerdictDetails, VerdictView, counted, or_empty, text};
use crate::key::{Malformed, Tail};
use crate::ui::DisplayContext;
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;
use crate::usage::{RefusalSummary, Summary};
use crate::vault::{DeadSecret, PastOwner};
use crate::verify::Verdict;

/// A secret found in a text, and what is known about it.
#[derive(Debug)]
pub struct IdentifiedText<'a> {
    /// The verdict, and the key.
    pub decision: VerdictDetails<'a>,
    /// Its tail, if it is a secret.
    pub tail: Option<&'a Tail>,
    /// Its former owner, according to the log.
    pub past_owner: Option<&'a PastOwner>,
    /// The key's use.
    pub used: Option<Summary>,
    /// Its refusals since it died; for a decoy's, all of them.
    pub refusals: Option<RefusalSummary>,
    /// The number of occurrences.
    pub count: u64,
    /// The line of the first; `None` if nothing was found.
    pub line: Option<u64>,
}

/// The result of `identify` for one secret: its owner, and whether it is valid.
#[derive(Debug, Serialize)]
pub struct IdentityView<'a> {
    identified: bool,
    good: bool,
    verdict: &'static str,
    reason: String,
    key: Option<KeyView<'a>>,
    secret_status: Option<&'static str>,
    #[serde(serialize_with = "text")]
    retires_at: Option<Timestamp>,
    former_name: Option<&'a str>,
    /// For a dead secret: its refusals since it died, and the address of the last; for a decoy's:
    /// all of them.
    presented_since: Option<u64>,
    #[serde(serialize_with = "text")]
    last_presented_at: Option<Timestamp>,
    last_presented_from: Option<&'a str>,
    presented_tail: Option<&'a str>,
    occurrences: u64,
    first_line: Option<u64>,
    #[serde(skip)]
    text: String,
    #[serde(skip)]
    tail: Option<&'a Tail>,
    #[serde(skip)]
    dead: Option<&'a DeadSecret>,
}

impl<'a> IdentityView<'a> {
    /// Describes a secret that was found, its key, and the key's use.
    pub fn new(identified: &'a IdentifiedText<'a>, display: &DisplayContext) -> Self {
        let refusals = identified.refusals.as_ref();
        let view = VerdictView::new(&identified.decision, display);
        let key = |key| KeyView::new(key, display.now).with_use(identified.used);
        let more =
            |moment: fn(&DisplayContext, Timestamp) -> String| identified.more(display, moment);
        Self {
            identified: identified.decision.belongs_here(),
            good: view.accepted,
            verdict: view.verdict,
            text: identified.reason(&view.text, &more(DisplayContext::moment_and_distance)),
            reason: identified.reason(&view.reason, &more(|_, moment| moment.to_string())),
            key: identified.decision.key.map(key),
            secret_status: view.secret_status,
            retires_at: view.retires_at,
            former_name: identified.former_name(),
            presented_since: refusals.map(|refusals| refusals.count),
            last_presented_at: refusals.and_then(|refusals| refusals.last_at),
            last_presented_from: refusals.and_then(|refusals| refusals.last_address.as_deref()),
            presented_tail: identified.tail.map(Tail::as_str),
            occurrences: identified.count,
            first_line: identified.line,
            tail: identified.tail,
            dead: identified.decision.dead,
        }
    }

    /// All facts, for people.
    pub fn facts(&self, display: &DisplayContext) -> String {
        let (verdict, text) = (self.verdict, &self.text);
        let facts = self.key.as_ref().map(|key| key.facts(display));
        match facts {
            Some(facts) => format!("{verdict}: {text}\n\n{facts}"),
            None => format!("{verdict}: {text}"),
        }
    }
}

impl<'a> IdentifiedText<'a> {
    /// Its owner's former name.
    fn former_name(&self) -> Option<&'a str> {
        let dead = self.decision.dead.map(|dead| dead.name.as_str());
        dead.or(self.past_owner.map(|past_owner| past_owner.name.as_str()))
    }

    /// Additional facts besides the verdict.
    fn more(
        &self,
        display: &DisplayContext,
        moment: impl Fn(&DisplayContext, Timestamp) -> String,
    ) -> String {
        let text = |PastOwner { name, until }: &PastOwner| {
            let until = moment(display, *until);
            format!("; `{name}` had a secret with this tail until {until}")
        };
        let since = match self.decision.dead {
            Some(_) => " since",
            None => "",
        };
        let refusals = self
            .refusals
            .as_ref()
            .map(|refusals| match refusals.last_at {
                None => format!("; no recorded use{since}"),
                Some(last_at) => {
                    let times = counted(refusals.count as i64, "time", "times");
                    let from = refusals.last_address.as_ref();
                    let from = from.map(|address| format!(" from {address}"));
                    let last = moment(display, last_at);
                    let from = from.unwrap_or_default();
                    format!("; presented {times}{since}, most recently {last}{from}")
                }
            });
        refusals.or(self.past_owner.map(text)).unwrap_or_default()
    }

    /// The verdict's reason and additional facts; if nothing was found, about the text as a whole.
    fn reason(&self, reason: &str, more: &str) -> String {
        match self.decision.verdict {
            Verdict::Malformed(Malformed::Prefix) if self.line.is_none() => {
                "nothing in it looks like a secret".to_owned()
            }
            Verdict::Malformed(why) => why.to_string(),
            _ => format!("{reason}{more}"),
        }
    }
}

impl FieldNamesAsSlice for IdentityView<'_> {
    const FIELD_NAMES_AS_SLICE: &'static [&'static str] = &[
        "identified",
        "good",
        "verdict",
        "reason",
        "name",
        "kind",
        "tail",
        "status",
        "secret_status",
        "retires_at",
        "former_name",
        "presented_tail",
        "occurrences",
        "first_line",
        "presented_since",
        "last_presented_at",
        "last_presented_from",
    ];
}

impl Item for IdentityView<'_> {}

impl Row for IdentityView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::fixed("SECRET"),
        Column::fixed("VERDICT"),
        Column::wrapped("KEY", 1),
        Column::dropped("KIND", 4),
        Column::dropped("STATE", 3),
        Column::fixed("TIMES"),
        Column::fixed("FIRST LINE"),
        Column::cut("REASON", 5),
    ];

    fn cells(&self, display: &DisplayContext) -> Vec<String> {
        let key = self.key.as_ref();
        vec![
            or_empty(self.tail.map(|tail| display.tail(tail))),
            self.verdict.to_owned(),
            or_empty(
                key.map(|key| key.name)
                    .or(self.dead.map(|dead| dead.name.as_str())),
            ),
            or_empty(
                key.map(|key| key.kind)
                    .or(self.dead.map(|dead| dead.kind.into_str())),
            ),
            or_empty(self.secret_status.or(self.dead.map(|_| "dead"))),
            self.occurrences.to_string(),
            or_empty(self.first_line),
            self.text.clone(),
        ]
    }
}

/// All secrets found in a text, for programs: the first one, and a list.
#[derive(Debug, Serialize)]
pub struct TextView<'a> {
    #[serde(flatten)]
    first: &'a IdentityView<'a>,
    findings: &'a [IdentityView<'a>],
}

impl<'a> TextView<'a> {
    /// Describes what was found, secrets of this vault first.
    pub fn new(first: &'a IdentityView<'a>, findings: &'a [IdentityView<'a>]) -> Self {
        Self { first, findings }
    }
}

impl FieldNamesAsSlice for TextView<'_> {
    const FIELD_NAMES_AS_SLICE: &'static [&'static str] = IdentityView::FIELD_NAMES_AS_SLICE;
}

impl Item for TextView<'_> {}
