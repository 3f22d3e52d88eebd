//! What an operator calls a key.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use super::{Invalid, looks_like_a_secret};

/// The longest name, in characters.
const LONGEST: usize = 64;

/// A key's name: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit.
///
/// Names are unique in a vault and compared without case; that is the vault's to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(CompactString);

impl KeyName {
    /// Whether two names mean the same key: compared without case.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// A name near a text, which may be the text itself.
    pub fn near(text: &str) -> Self {
        Self(suggestion(text).into())
    }

    /// What all names that mean the same key have in common.
    pub fn folded(&self) -> String {
        self.as_str().to_ascii_lowercase()
    }

    /// The one of the names that was likely meant: not many letters differ.
    pub fn nearest(&self, names: impl IntoIterator<Item = Self>) -> Option<Self> {
        let most = 1 + self.as_str().len() / 5;
        let own = self.folded();
        let distance = |name: &Self| strsim::damerau_levenshtein(&own, &name.folded());
        let near = names.into_iter().map(|name| (distance(&name), name));
        let near = near.filter(|(distance, name)| *distance <= most && *distance < name.0.len());
        near.min_by_key(|(distance, _)| *distance)
            .map(|(_, name)| name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let starts_well = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        let is_name = starts_well && text.len() <= LONGEST && text.bytes().all(is_allowed);
        if is_name && !looks_like_a_secret(text) {
            return Ok(Self(text.into()));
        }
        let rule = "a name is 1 to 64 of A-Z a-z 0-9 . _ - and begins with a letter or digit";
        Err(Invalid::new("a key's name", text, rule).with_hint(hint(text)))
    }
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

fn hint(text: &str) -> String {
    if looks_like_a_secret(text) {
        return "a secret is never an argument; `postkey identify` reads one from standard input"
            .to_owned();
    }
    if is_pattern(text) {
        return format!("names are exact; `postkey list '{text}'` shows the keys that match");
    }
    format!("`{}` would do", suggestion(text))
}

/// Whether it is a pattern for names, which shells and `list` know.
fn is_pattern(text: &str) -> bool {
    let is_wild = |byte| matches!(byte, b'*' | b'?');
    text.len() <= LONGEST
        && text.bytes().any(is_wild)
        && text.bytes().all(|byte| is_wild(byte) || is_allowed(byte))
}

/// A name near `text` that would do: `Production App` gives `production-app`.
fn suggestion(text: &str) -> String {
    let lower = text
        .chars()
        .take(LONGEST * 4)
        .collect::<String>()
        .to_lowercase();
    let words: Vec<&str> = lower
        .split(|character: char| !character.is_ascii() || !is_allowed(character as u8))
        .map(|word| word.trim_matches(['.', '_', '-']))
        .filter(|word| !word.is_empty())
        .collect();
    let mut name = words.join("-");
    name.truncate(LONGEST);
    let name = name.trim_end_matches('-');
    if name.is_empty() {
        "my-key".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rejected_name_gets_one_that_would_do() {
        for (bad, good) in [
            ("Production App", "production-app"),
            ("", "my-key"),
            ("-x-", "x"),
            ("a/b\\c", "a-b-c"),
            ("Über Mail", "ber-mail"),
            ("..", "my-key"),
        ] {
            let error = bad.parse::<KeyName>().expect_err(bad);
            assert_eq!(error.hint(), Some(format!("`{good}` would do").as_str()));
        }
    }

    #[test]
    fn a_pattern_is_no_name_and_hints_at_no_key() {
        for pattern in ["team*", "*", "a?c", "*-eu"] {
            let error = pattern.parse::<KeyName>().expect_err(pattern);
            let hint =
                format!("names are exact; `postkey list '{pattern}'` shows the keys that match");
            assert_eq!(error.hint(), Some(hint.as_str()));
        }
    }

    #[test]
    fn the_nearest_name_is_one_that_is_near() {
        let name = |text: &str| text.parse::<KeyName>().expect("a name");
        let all = ["web", "prod-mail", "prod-web", "build"].map(name);
        for (text, near) in [
            ("wbe", Some("web")),
            ("prod-mial", Some("prod-mail")),
            ("Prod_Web", Some("prod-web")),
            ("prodweb", Some("prod-web")),
            ("deploy", None),
            ("x", None),
            ("mail", None),
        ] {
            let found = name(text).nearest(all.clone());
            assert_eq!(found, near.map(name), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_suggestion_is_a_good_name(text in ".{0,200}") {
            prop_assert!(suggestion(&text).parse::<KeyName>().is_ok());
        }

        #[test]
        fn a_name_is_kept_as_it_was_written(text in "[A-Za-z0-9][A-Za-z0-9._-]{0,63}") {
            let name = text.parse::<KeyName>().expect("within the rule");
            prop_assert_eq!(name.as_str(), text);
        }

        #[test]
        fn nothing_else_is_a_name(text in "[A-Za-z0-9._-]{0,3}[^A-Za-z0-9._-][A-Za-z0-9._-]{0,3}") {
            prop_assert!(text.parse::<KeyName>().is_err());
        }
    }
}
