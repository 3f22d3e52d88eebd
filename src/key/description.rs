//! What a key is for, in the operator's words.

use std::fmt;
use std::str::FromStr;

use super::{Invalid, looks_like_a_secret};
use crate::key::redact::is_hidden;

/// The longest description, in characters.
const MAX_LENGTH: usize = 200;

/// Free text of 1 to 200 printable characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(Box<str>);

impl Description {
    /// The description as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Description {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |rule: &str| Invalid::new("a description", text, rule);
        if looks_like_a_secret(text) {
            return Err(
                invalid("it looks like a secret, and descriptions are public")
                    .with_hint("describe what the key is for, as in `mail of the web shop`"),
            );
        }
        if text.chars().any(is_hidden) {
            return Err(invalid("it contains a control or invisible character")
                .with_hint("write it on one line, without tabs, escapes or text direction marks"));
        }
        let rule = "a description is 1 to 200 characters long";
        if text.trim().is_empty() {
            let hint = "`postkey describe NAME --clear` removes a description";
            return Err(invalid(rule).with_hint(hint));
        }
        let length = text.chars().count();
        if length > MAX_LENGTH {
            return Err(invalid(rule).with_hint(format!("it has {length}: shorten it")));
        }
        Ok(Self(text.trim().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_of_any_script_is_a_description() {
        for text in [
            "mail of the web shop",
            "=SUM(A1)",
            "邮件 für Größe",
            &"x".repeat(200),
        ] {
            assert!(text.parse::<Description>().is_ok(), "{text}");
        }
    }

    #[test]
    fn invisible_characters_secrets_and_long_texts_are_refused() {
        let secret = format!("xkeypost-{}", "ab".repeat(32));
        for text in [
            "",
            "  ",
            "a\nb",
            "\x1b[31m",
            "a\u{202e}b",
            "\u{9b}",
            &secret,
            &"x".repeat(201),
        ] {
            assert!(text.parse::<Description>().is_err(), "{text:?}");
        }
    }
}
