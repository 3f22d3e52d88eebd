//! Short texts of operators, on one line.

use super::{Invalid, looks_like_a_secret};
use crate::key::redact::is_hidden;

/// The rule for a text: 1 to `max` printable characters that are no secret.
pub(super) struct PlainText {
    /// What it is: `a description`
    pub(super) what: &'static str,
    /// What several of them are called.
    pub(super) plural: &'static str,
    /// The most characters.
    pub(super) max: usize,
    /// The hint at what belongs there instead of a secret.
    pub(super) example: &'static str,
    /// The hint at what removes it, if the text is empty.
    pub(super) empty: &'static str,
}

impl PlainText {
    /// The text without blanks at its ends, if it is valid.
    pub(super) fn expect<'a>(&self, text: &'a str) -> Result<&'a str, Invalid> {
        let invalid = |rule: &str| Invalid::new(self.what, text, rule);
        if looks_like_a_secret(text) {
            let rule = format!("it looks like a secret, and {} are public", self.plural);
            return Err(invalid(&rule).with_hint(self.example));
        }
        if text.chars().any(is_hidden) {
            return Err(invalid("it contains a control or invisible character")
                .with_hint("write it on one line, without tabs, escapes or text direction marks"));
        }
        let rule = format!("{} is 1 to {} characters long", self.what, self.max);
        let text = text.trim();
        let length = text.chars().count();
        match length {
            0 => Err(invalid(&rule).with_hint(self.empty)),
            _ if length > self.max => {
                Err(invalid(&rule).with_hint(format!("it has {length}: shorten it")))
            }
            _ => Ok(text),
        }
    }
}
