//! What a key is for, in the operator's words.

use std::fmt;
use std::str::FromStr;

use super::Invalid;
use super::plain_text::PlainText;

const RULE: PlainText = PlainText {
    what: "a description",
    plural: "descriptions",
    max: 200,
    example: "describe what the key is for, as in `mail of the web shop`",
    empty: "`postkey describe NAME --clear` removes a description",
};

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
        RULE.expect(text).map(|text| Self(text.into()))
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
