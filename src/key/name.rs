//! The names of keys.

use std::fmt;
use std::iter;
use std::str::FromStr;

use compact_str::CompactString;

use super::{Invalid, looks_like_a_secret};

/// The longest name, in characters.
const MAX_LENGTH: usize = 64;

/// The highest number appended to a name that is taken.
const MAX_NUMBER: usize = 99;

/// A key's name: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit.
///
/// Names are unique in a vault, ignoring case; the vault enforces that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(CompactString);

impl KeyName {
    /// Whether two names are equal, ignoring case.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// A valid name similar to a text, or equal to it.
    pub fn near(text: &str) -> Self {
        Self(suggestion(text).into())
    }

    /// A valid, free name similar to an invalid one, if it has usable characters: `production-app`
    /// for `Production App`.
    pub fn suggested(text: &str, is_taken: impl Fn(&Self) -> bool) -> Option<Self> {
        if looks_like_a_secret(text) || is_pattern(text) {
            return None;
        }
        let base = slug(text)?;
        let numbered = |number: usize| {
            let end = format!("-{number}");
            let kept = base[..base.len().min(MAX_LENGTH - end.len())].trim_end_matches('-');
            format!("{kept}{end}")
        };
        let names = iter::once(base.clone()).chain((2..=MAX_NUMBER).map(numbered));
        let names = names.filter_map(|name| name.parse().ok());
        names.into_iter().find(|name| !is_taken(name))
    }

    /// The name with a random suffix: `deploy-5a0c93de`.
    ///
    /// # Errors
    /// If it is too long for that.
    pub fn numbered(&self, chance: [u8; 4]) -> Result<Self, Invalid> {
        let number = u32::from_be_bytes(chance);
        format!("{self}-{number:08x}").parse().map_err(|_| {
            let rule = "with `-` and 8 digits, which are appended, it is too long";
            Invalid::new("a temporary key's name", self.as_str(), rule)
                .with_hint("use at most 55 characters")
        })
    }

    /// The name in lower case, by which names are compared.
    pub fn folded(&self) -> String {
        self.as_str().to_ascii_lowercase()
    }

    /// The most similar of the names, if it differs in few letters.
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
        let is_name = starts_well && text.len() <= MAX_LENGTH && text.bytes().all(is_allowed);
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
    format!("use a name such as `{}`", suggestion(text))
}

/// Whether it is a pattern, as in shells and `list`.
fn is_pattern(text: &str) -> bool {
    let is_wild = |byte| matches!(byte, b'*' | b'?');
    text.len() <= MAX_LENGTH
        && text.bytes().any(is_wild)
        && text.bytes().all(|byte| is_wild(byte) || is_allowed(byte))
}

/// A valid name similar to `text`, whatever the text is.
fn suggestion(text: &str) -> String {
    slug(text).unwrap_or_else(|| "my-key".to_owned())
}

/// The words of a text as a name: `Production App` gives `production-app`. `None` if there are
/// none.
fn slug(text: &str) -> Option<String> {
    let mut ascii = String::new();
    for character in text
        .chars()
        .take(MAX_LENGTH * 4)
        .flat_map(char::to_lowercase)
    {
        match transliterated(character) {
            Some(letters) => ascii.push_str(letters),
            None => ascii.push(character),
        }
    }
    let words: Vec<&str> = ascii
        .split(|character: char| !character.is_ascii() || !is_allowed(character as u8))
        .map(|word| word.trim_matches(['.', '_', '-']))
        .filter(|word| !word.is_empty())
        .collect();
    let mut name = words.join("-");
    name.truncate(MAX_LENGTH);
    let name = name.trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// The ASCII letters for a letter with a diacritic; none for the diacritic alone.
fn transliterated(character: char) -> Option<&'static str> {
    Some(match character {
        'ä' | 'æ' => "ae",
        'ö' | 'ø' | 'œ' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'à'..='å' => "a",
        'ç' => "c",
        'è'..='ë' => "e",
        'ì'..='ï' => "i",
        'ñ' => "n",
        'ò'..='õ' => "o",
        'ù'..='û' => "u",
        'ý' | 'ÿ' => "y",
        '\u{300}'..='\u{36f}' => "",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rejected_name_gets_a_valid_suggestion() {
        for (bad, good) in [
            ("Production App", "production-app"),
            ("", "my-key"),
            ("-x-", "x"),
            ("a/b\\c", "a-b-c"),
            ("Über Mail", "ueber-mail"),
            ("..", "my-key"),
        ] {
            let error = bad.parse::<KeyName>().expect_err(bad);
            assert_eq!(
                error.hint(),
                Some(format!("use a name such as `{good}`").as_str())
            );
        }
    }

    #[test]
    fn an_invalid_name_gets_a_valid_free_suggestion() {
        let (long, taken) = ("n".repeat(80), ["production-app", "shop", "shop-2"]);
        let secret = "xkeypost-0123456789abcdef";
        let numbered = format!("{}-2", "x".repeat(62));
        for (text, name) in [
            ("two words", Some("two-words")),
            ("  Two   Words  ", Some("two-words")),
            ("Größe", Some("groesse")),
            ("Ærø Café", Some("aeroe-cafe")),
            ("U\u{308}ber", Some("uber")),
            (".hidden", Some("hidden")),
            ("--flag", Some("flag")),
            (&long, Some(&long[..64])),
            ("Production App", Some("production-app-2")),
            ("Shop!", Some("shop-3")),
            (&"X".repeat(65), Some(&*numbered)),
            ("", None),
            ("…", None),
            ("...", None),
            ("日本", None),
            ("team*", None),
            (secret, None),
        ] {
            let is_taken =
                |name: &KeyName| taken.contains(&name.as_str()) || name.as_str() == "x".repeat(64);
            let found = KeyName::suggested(text, is_taken);
            assert_eq!(found.as_ref().map(KeyName::as_str), name, "{text}");
        }
        assert_eq!(KeyName::suggested("two words", |_| true), None);
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
    fn the_nearest_name_is_similar() {
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
