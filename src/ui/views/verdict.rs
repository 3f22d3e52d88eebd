//! What was thought of a presented secret.

use std::borrow::Cow;

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
    name: Option<&'a str>,
    kind: Option<&'static str>,
}

impl<'a> VerdictView<'a> {
    /// The verdict with its exact reason.
    pub fn new(verdict: &'a Verdict, look: &Look) -> Self {
        Self {
            verdict: verdict.word(),
            accepted: verdict.is_accepted(),
            reason: reason(verdict, look),
            name: verdict.key().map(|key| key.name.as_str()),
            kind: verdict.key().map(|key| key.kind().word()),
        }
    }

    /// One line for people, the verdict first.
    pub fn line(&self) -> String {
        format!("{}: {}", self.verdict, self.reason)
    }
}

fn reason<'a>(verdict: &Verdict, look: &Look) -> Cow<'a, str> {
    Cow::Owned(match verdict {
        Verdict::Accepted(key) => format!("the {} key `{}` is good", key.kind().title(), key.name),
        Verdict::Malformed(why) => why.to_string(),
        Verdict::Unknown => return Cow::Borrowed("no key in this vault has this secret"),
        Verdict::Mismatch => return Cow::Borrowed("it is not the secret that it ends like"),
        Verdict::Inactive(key) => format!("`{}` is deactivated", key.name),
        Verdict::Expired(key) => format!("`{}` expired {}", key.name, look.end(key.expires_at)),
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
    verdict: VerdictView<'a>,
    key: Option<KeyView<'a>>,
}

impl<'a> IdentityView<'a> {
    /// The verdict and the key it is about.
    pub fn new(verdict: &'a Verdict, look: &Look) -> Self {
        Self {
            identified: verdict.key().is_some(),
            good: verdict.is_accepted(),
            verdict: VerdictView::new(verdict, look),
            key: verdict.key().map(|key| KeyView::new(key, look.now)),
        }
    }

    /// All of it, for people.
    pub fn facts(&self, look: &Look) -> String {
        let line = self.verdict.line();
        self.key
            .as_ref()
            .map_or(line.clone(), |key| format!("{line}\n\n{}", key.facts(look)))
    }
}

impl Item for IdentityView<'_> {
    const FIELDS: &'static [&'static str] = VerdictView::FIELDS;

    fn fields(&self) -> Vec<String> {
        self.verdict.fields()
    }
}
