//! Whose the secrets in a text are.

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

/// What was found in a text, and what is known of it.
#[derive(Debug)]
pub struct IdentifiedText<'a> {
    /// The verdict, and whose it is.
    pub decision: VerdictDetails<'a>,
    /// Its public ending, if it is a secret.
    pub tail: Option<&'a Tail>,
    /// Whose it seems to have been.
    pub past_owner: Option<&'a PastOwner>,
    /// How its key was used.
    pub used: Option<Summary>,
    /// How often it was presented since it is dead, or is a decoy's.
    pub tried: Option<RefusalSummary>,
    /// How often it was seen.
    pub count: u64,
    /// In which line first; `None` for what was not seen.
    pub line: Option<u64>,
}

/// The answer to `identify` for one secret: whose it is, and whether it is still good.
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
    /// Of a dead secret: how often it was presented since, and from where the last time; of a
    /// decoy's: ever.
    presented_since: Option<u64>,
    #[serde(serialize_with = "text")]
    last_presented_at: Option<Timestamp>,
    last_presented_from: Option<&'a str>,
    presented_tail: Option<&'a str>,
    occurrences: u64,
    first_line: Option<u64>,
    #[serde(skip)]
    told: String,
    #[serde(skip)]
    tail: Option<&'a Tail>,
    #[serde(skip)]
    dead: Option<&'a DeadSecret>,
}

impl<'a> IdentityView<'a> {
    /// What was found and the key that it is about, with its use.
    pub fn new(identified: &'a IdentifiedText<'a>, display: &DisplayContext) -> Self {
        let tried = identified.tried.as_ref();
        let view = VerdictView::new(&identified.decision, display);
        let key = |key| KeyView::new(key, display.now).with_use(identified.used);
        let more =
            |moment: fn(&DisplayContext, Timestamp) -> String| identified.more(display, moment);
        Self {
            identified: identified.decision.belongs_here(),
            good: view.accepted,
            verdict: view.verdict,
            told: identified.reason(&view.told, &more(DisplayContext::moment_and_distance)),
            reason: identified.reason(&view.reason, &more(|_, moment| moment.to_string())),
            key: identified.decision.key.map(key),
            secret_status: view.secret_status,
            retires_at: view.retires_at,
            former_name: identified.former_name(),
            presented_since: tried.map(|tried| tried.count),
            last_presented_at: tried.and_then(|tried| tried.last_at),
            last_presented_from: tried.and_then(|tried| tried.last_address.as_deref()),
            presented_tail: identified.tail.map(Tail::as_str),
            occurrences: identified.count,
            first_line: identified.line,
            tail: identified.tail,
            dead: identified.decision.dead,
        }
    }

    /// All of it, for people.
    pub fn facts(&self, display: &DisplayContext) -> String {
        let (verdict, told) = (self.verdict, &self.told);
        let facts = self.key.as_ref().map(|key| key.facts(display));
        match facts {
            Some(facts) => format!("{verdict}: {told}\n\n{facts}"),
            None => format!("{verdict}: {told}"),
        }
    }
}

impl<'a> IdentifiedText<'a> {
    /// Whose it was, or seems to have been.
    fn former_name(&self) -> Option<&'a str> {
        let dead = self.decision.dead.map(|dead| dead.name.as_str());
        dead.or(self.past_owner.map(|past_owner| past_owner.name.as_str()))
    }

    /// What is to be said besides the verdict.
    fn more(
        &self,
        display: &DisplayContext,
        moment: impl Fn(&DisplayContext, Timestamp) -> String,
    ) -> String {
        let told = |PastOwner { name, until }: &PastOwner| {
            let until = moment(display, *until);
            format!("; `{name}` had a secret with this tail until {until}")
        };
        let since = match self.decision.dead {
            Some(_) => " since",
            None => "",
        };
        let tried = self.tried.as_ref().map(|tried| match tried.last_at {
            None => format!("; never used{since}, as far as recorded"),
            Some(last_at) => {
                let times = counted(tried.count as i64, "time", "times");
                let from = tried.last_address.as_ref();
                let from = from.map(|address| format!(" from {address}"));
                let last = moment(display, last_at);
                let from = from.unwrap_or_default();
                format!("; presented {times}{since}, most recently {last}{from}")
            }
        });
        tried.or(self.past_owner.map(told)).unwrap_or_default()
    }

    /// The verdict's reason and what is to be said besides; a text in which nothing was seen
    /// is judged as a whole.
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
        Column::dropped("SECRET IS", 3),
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
            self.told.clone(),
        ]
    }
}

/// All that was found in a text, for programs: the first of it, and each.
#[derive(Debug, Serialize)]
pub struct TextView<'a> {
    #[serde(flatten)]
    first: &'a IdentityView<'a>,
    findings: &'a [IdentityView<'a>],
}

impl<'a> TextView<'a> {
    /// What was found, what is ours before what is not.
    pub fn new(first: &'a IdentityView<'a>, findings: &'a [IdentityView<'a>]) -> Self {
        Self { first, findings }
    }
}

impl FieldNamesAsSlice for TextView<'_> {
    const FIELD_NAMES_AS_SLICE: &'static [&'static str] = IdentityView::FIELD_NAMES_AS_SLICE;
}

impl Item for TextView<'_> {}
