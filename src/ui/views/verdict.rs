//! What was thought of a presented secret.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

use super::{KeyView, or_empty};
use crate::ui::Look;
use crate::ui::listing::Item;
use crate::verify::Verdict;

/// The answer to `verify`.
#[derive(Debug, Serialize)]
pub struct VerdictView<'a> {
    verdict: &'static str,
    accepted: bool,
    reason: Cow<'a, str>,
    /// The reason for people, in their time zone.
    #[serde(skip)]
    told: Cow<'a, str>,
    name: Option<&'a str>,
    kind: Option<&'static str>,
}

impl<'a> VerdictView<'a> {
    /// The verdict with its exact reason.
    pub fn new(verdict: &'a Verdict, look: &Look) -> Self {
        Self {
            verdict: verdict.word(),
            accepted: verdict.is_accepted(),
            reason: reason(verdict, |end| end.to_string()),
            told: reason(verdict, |end| look.moment_and_distance(end)),
            name: verdict.key().map(|key| key.name.as_str()),
            kind: verdict.key().map(|key| key.kind().word()),
        }
    }

    /// One line for people, the verdict first.
    pub fn line(&self) -> String {
        format!("{}: {}", self.verdict, self.told)
    }
}

fn reason<'a>(verdict: &Verdict, moment: impl Fn(Timestamp) -> String) -> Cow<'a, str> {
    Cow::Owned(match verdict {
        Verdict::Accepted(key) => format!("the {} key `{}` is good", key.kind().title(), key.name),
        Verdict::Malformed(why) => format!("{why}; present the bare secret as it was shown"),
        Verdict::Unknown => return Cow::Borrowed("no key in this vault has this secret"),
        Verdict::Mismatch => return Cow::Borrowed("it is not the secret that it ends like"),
        Verdict::Inactive(key) => format!("`{}` is deactivated", key.name),
        Verdict::Expired(key) => {
            let end = key.expires_at.map(moment).unwrap_or_default();
            format!("`{}` expired {end}", key.name)
        }
        Verdict::Retired(key) => format!("it was replaced; `{}` has a newer secret", key.name),
    })
}

impl Item for VerdictView<'_> {
    const FIELDS: &'static [&'static str] = &["verdict", "accepted", "reason", "name", "kind"];

    fn fields(&self) -> Vec<String> {
        vec![
            self.verdict.to_owned(),
            self.accepted.to_string(),
            self.reason.to_string(),
            or_empty(self.name),
            or_empty(self.kind),
        ]
    }
}

/// The answer to `identify`: whose a secret is, and whether it is still good.
#[derive(Debug, Serialize)]
pub struct IdentityView<'a> {
    identified: bool,
    good: bool,
    verdict: &'static str,
    reason: Cow<'a, str>,
    key: Option<KeyView<'a>>,
    #[serde(skip)]
    line: String,
}

impl<'a> IdentityView<'a> {
    /// The verdict and the key it is about.
    pub fn new(verdict: &'a Verdict, look: &Look) -> Self {
        let view = VerdictView::new(verdict, look);
        Self {
            identified: verdict.key().is_some(),
            good: verdict.is_accepted(),
            verdict: view.verdict,
            line: view.line(),
            reason: view.reason,
            key: verdict.key().map(|key| KeyView::new(key, look.now)),
        }
    }

    /// All of it, for people.
    pub fn facts(&self, look: &Look) -> String {
        let facts = self
            .key
            .as_ref()
            .map(|key| format!("\n\n{}", key.facts(look)));
        format!("{}{}", self.line, facts.unwrap_or_default())
    }
}

impl Item for IdentityView<'_> {
    const FIELDS: &'static [&'static str] = &[
        "identified",
        "good",
        "verdict",
        "reason",
        "name",
        "kind",
        "tail",
        "status",
    ];

    fn fields(&self) -> Vec<String> {
        let key = self.key.as_ref();
        vec![
            self.identified.to_string(),
            self.good.to_string(),
            self.verdict.to_owned(),
            self.reason.to_string(),
            or_empty(key.map(|key| key.name)),
            or_empty(key.map(|key| key.kind)),
            or_empty(key.map(|key| key.tail)),
            or_empty(key.map(|key| key.status)),
        ]
    }
}
