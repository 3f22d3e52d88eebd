//! Labels, by which keys are told apart and selected, and the owner of a key.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use super::Invalid;
use super::plain_text::PlainText;
use crate::key::redact::looks_like_a_secret;

/// The longest name of a label, in characters.
const MAX_NAME: usize = 64;

/// How many labels a key may have: each is read with the key.
const MAX_LABELS: usize = 32;

const VALUE: PlainText = PlainText {
    what: "a label's value",
    plural: "labels",
    max: 100,
    example: "write what the key belongs to, as in `env=prod`",
    empty: "`postkey set --clear-label NAME` removes a label",
};

const OWNER: PlainText = PlainText {
    what: "an owner",
    plural: "owners",
    max: 100,
    example: "name a person or a team, as in `team-shop`",
    empty: "`postkey set --clear-owner` removes an owner",
};

/// A label's name: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit; capitals are read
/// as small letters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelName(CompactString);

/// A label's value: 1 to 100 printable characters, without a comma, which separates labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelValue(CompactString);

/// A label: `env=prod`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name, of which a key has one label at most.
    pub name: LabelName,
    /// Its value.
    pub value: LabelValue,
}

/// A key's labels, sorted by name: `env=prod,team=shop`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<LabelName, LabelValue>);

/// Who is responsible for a key: 1 to 100 printable characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner(Box<str>);

impl LabelName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LabelValue {
    /// The value as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Owner {
    /// The owner as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Labels {
    /// These labels.
    ///
    /// # Errors
    /// If two have one name, or there are more than 32.
    pub fn of(labels: impl IntoIterator<Item = Label>) -> Result<Self, Invalid> {
        let labels: Vec<Label> = labels.into_iter().collect();
        let mut all = BTreeMap::new();
        for Label { name, value } in &labels {
            if all.insert(name.clone(), value.clone()).is_some() {
                let text: Vec<String> = labels.iter().map(ToString::to_string).collect();
                let rule = format!("`{name}` occurs twice");
                return Err(Invalid::new("a list of labels", &text.join(","), rule)
                    .with_hint("give each name one value"));
            }
        }
        Self::bounded(all)
    }

    fn bounded(all: BTreeMap<LabelName, LabelValue>) -> Result<Self, Invalid> {
        if all.len() <= MAX_LABELS {
            return Ok(Self(all));
        }
        let rule = format!("a key has at most {MAX_LABELS}");
        let text = Self(all).to_string();
        Err(Invalid::new("a list of labels", &text, rule).with_hint("leave some out"))
    }

    /// These labels without some, and with others, which replace those of the same name.
    ///
    /// # Errors
    /// If there are more than 32.
    pub fn changed(&self, removed: &[LabelName], added: &Self) -> Result<Self, Invalid> {
        let mut all = self.0.clone();
        all.retain(|name, _| !removed.contains(name));
        all.extend(added.0.clone());
        Self::bounded(all)
    }

    /// Whether there is none.
    pub fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// All, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&LabelName, &LabelValue)> {
        self.0.iter()
    }

    /// The value of the label with this name.
    pub fn get(&self, name: &LabelName) -> Option<&LabelValue> {
        self.0.get(name)
    }

    /// Whether all of the others are among them.
    pub fn include(&self, others: &Self) -> bool {
        others
            .iter()
            .all(|(name, value)| self.get(name) == Some(value))
    }
}

impl IntoIterator for Labels {
    type Item = Label;
    type IntoIter = std::vec::IntoIter<Label>;

    fn into_iter(self) -> Self::IntoIter {
        let labels = self.0.into_iter();
        let labels = labels.map(|(name, value)| Label { name, value });
        labels.collect::<Vec<_>>().into_iter()
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LabelValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            write!(f, "{separator}{name}={value}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LabelName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let starts_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let is_name = starts_well && text.len() <= MAX_NAME && text.bytes().all(is_allowed);
        if is_name && !looks_like_a_secret(text) {
            return Ok(Self(text.to_ascii_lowercase().into()));
        }
        let rule = "a label's name is 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit";
        Err(Invalid::new("a label's name", text, rule).with_hint("write it as in `env=prod`"))
    }
}

impl FromStr for LabelValue {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.contains(',') {
            let rule = "a comma separates two labels, so a value has none";
            return Err(Invalid::new("a label's value", text, rule)
                .with_hint("write several labels as `env=prod,team=shop`"));
        }
        VALUE.expect(text).map(|text| Self(text.into()))
    }
}

impl FromStr for Label {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let Some((name, value)) = text.split_once('=') else {
            let rule = "a label is a name and a value with `=` between them";
            return Err(Invalid::new("a label", text, rule).with_hint("write `env=prod`"));
        };
        Ok(Self {
            name: name.trim().parse()?,
            value: value.parse()?,
        })
    }
}

impl FromStr for Labels {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let labels = text.split(',').map(str::parse);
        Self::of(labels.collect::<Result<Vec<Label>, _>>()?)
    }
}

impl FromStr for Owner {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        OWNER.expect(text).map(|text| Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(text: &str) -> Labels {
        text.parse().expect(text)
    }

    #[test]
    fn labels_are_written_in_the_order_of_their_names() {
        for (text, shown) in [
            ("env=prod", "env=prod"),
            ("team=shop,env=prod", "env=prod,team=shop"),
            ("Env=Prod, TEAM = the shop ", "env=Prod,team=the shop"),
            (
                "url=https://example.com/?a=b",
                "url=https://example.com/?a=b",
            ),
            ("größe=1", ""),
            ("stufe=größer", "stufe=größer"),
        ] {
            let read = text.parse::<Labels>().map(|labels| labels.to_string());
            assert_eq!(read.unwrap_or_default(), shown, "{text}");
        }
    }

    #[test]
    fn an_invalid_label_is_named_with_its_rule_and_a_hint() {
        let secret = format!("env=xkeypost-{}", "ab".repeat(32));
        let many: Vec<String> = (0..33).map(|number| format!("n{number}=x")).collect();
        for (text, rule, hint) in [
            (
                "",
                "`` is not a label: a label is a name and",
                "write `env=prod`",
            ),
            ("env", "`env` is not a label: ", "write `env=prod`"),
            ("=prod", "`` is not a label's name", "as in `env=prod`"),
            ("a b=c", "`a b` is not a label's name", "as in `env=prod`"),
            ("env=", "1 to 100 characters", "--clear-label NAME` removes"),
            ("env=prod,", "`` is not a label: ", "write `env=prod`"),
            ("env=a\u{1b}[1m", "control or invisible", "on one line"),
            ("env=a\nb", "control or invisible", "on one line"),
            (
                &secret,
                "looks like a secret, and labels are public",
                "as in `env=prod`",
            ),
            (
                &format!("env={}", "x".repeat(101)),
                "1 to 100 characters",
                "it has 101",
            ),
            (
                &format!("{}=x", "n".repeat(65)),
                "not a label's name",
                "as in",
            ),
            ("env=a,ENV=b", "`env` occurs twice", "one value"),
            (&many.join(","), "at most 32", "leave some out"),
        ] {
            let error = text.parse::<Labels>().expect_err(text);
            let found = error.hint().unwrap_or_default();
            assert!(error.to_string().contains(rule), "{error}");
            assert!(found.contains(hint), "{text}: {found}");
        }
        let comma = "a,b".parse::<LabelValue>().expect_err("two");
        assert!(comma.to_string().contains("a comma separates"), "{comma}");
    }

    #[test]
    fn labels_are_added_changed_and_removed() {
        let before = labels("env=prod,team=shop");
        for (removed, added, after) in [
            (&[][..], "", "env=prod,team=shop"),
            (&[], "env=test", "env=test,team=shop"),
            (&[], "tier=gold", "env=prod,team=shop,tier=gold"),
            (&["env"], "", "team=shop"),
            (&["env"], "env=test", "env=test,team=shop"),
            (&["env", "team", "none"], "", ""),
        ] {
            let removed: Vec<LabelName> = removed
                .iter()
                .map(|name| name.parse().expect("a name"))
                .collect();
            let added = match added {
                "" => Labels::default(),
                text => labels(text),
            };
            let changed = before.changed(&removed, &added).expect("few");
            assert_eq!(changed.to_string(), after);
        }
        let full: Vec<String> = (0..32).map(|number| format!("n{number}=x")).collect();
        let full = labels(&full.join(","));
        assert!(full.changed(&[], &labels("n0=y")).is_ok());
        assert!(full.changed(&[], &labels("m=y")).is_err());
    }

    #[test]
    fn labels_include_those_that_they_are_asked_for() {
        let all = labels("env=prod,team=shop");
        for (asked, is_included) in [
            ("env=prod", true),
            ("team=shop,env=prod", true),
            ("env=Prod", false),
            ("env=prod,tier=gold", false),
        ] {
            assert_eq!(all.include(&labels(asked)), is_included, "{asked}");
        }
        assert!(all.include(&Labels::default()));
    }

    #[test]
    fn an_owner_is_short_printable_text() {
        for text in ["team-shop", "Ada <ada@example.com>", " 邮件 "] {
            let owner = text.parse::<Owner>().expect(text);
            assert_eq!(owner.as_str(), text.trim());
        }
        for text in ["", " ", "a\tb", "a\u{202e}b", &"x".repeat(101)] {
            assert!(text.parse::<Owner>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_and_read_again(text in "[a-z][a-z0-9]{0,3}=[^,]{1,9}(,[A-Z._-]{0,2}[a-z]=[ =a-zß]{1,9}){0,4}") {
            if let Ok(read) = text.parse::<Labels>() {
                prop_assert_eq!(labels(&read.to_string()), read);
            }
        }

        #[test]
        fn no_text_is_a_label_that_cannot_be_shown(text in any::<String>()) {
            if let Ok(read) = format!("env={text}").parse::<Labels>() {
                prop_assert!(!read.to_string().chars().any(char::is_control));
                prop_assert_eq!(read.iter().len(), 1 + text.matches(',').count());
            }
        }
    }
}
