//! Environment variables in a manifest's texts: `${ENV}`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsString;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::field::{ManifestErrors, mistake};
use crate::error::Error;
use crate::key::{is_hidden, looks_like_a_secret};

/// The tables and their fields whose texts belong to a program: it may expand its environment
/// itself.
const NEVER_EXPANDED: [(&str, &str); 2] = [("save", "command"), ("key", "after")];

/// How variables are written.
const FORM: &str = "write `${NAME}`, or `$${` for the text `${`";

/// Reads an environment variable.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Records a mistake in a field, by its offset.
type Note<'a> = &'a mut dyn FnMut(usize, &str, Error);

/// Expands the variables in all texts of a manifest, except for commands; records each mistake
/// once.
pub(super) fn expand(table: &mut DeTable<'_>, lookup: Lookup<'_>, mistakes: &mut ManifestErrors) {
    let mut found = Vec::new();
    expand_table("", table, lookup, &mut |at, field, error| {
        found.push((at, field.to_owned(), error));
    });
    // A table is not in the order of its lines.
    found.sort_by_key(|(at, ..)| *at);
    let mut reported = HashSet::new();
    for (at, field, error) in found {
        if reported.insert(error.to_string()) {
            mistakes.note_at(at, error.about(field));
        }
    }
}

fn expand_table(of: &str, table: &mut DeTable<'_>, lookup: Lookup<'_>, note: Note<'_>) {
    for (field, value) in table.iter_mut() {
        let name = field.get_ref();
        if !NEVER_EXPANDED.contains(&(of, name.as_ref())) {
            expand_value(value, name, lookup, note);
        }
    }
}

fn expand_value(value: &mut Spanned<DeValue<'_>>, field: &str, lookup: Lookup<'_>, note: Note<'_>) {
    let at = value.span().start;
    match value.get_mut() {
        DeValue::String(text) => match expanded(text, lookup) {
            Ok(Cow::Borrowed(_)) => {}
            Ok(Cow::Owned(expanded)) => *text = expanded.into(),
            Err(error) => note(at, field, error),
        },
        DeValue::Array(values) => {
            for value in values.iter_mut() {
                expand_value(value, field, lookup, note);
            }
        }
        DeValue::Table(table) => expand_table(field, table, lookup, note),
        _ => {}
    }
}

/// The text with its variables' values, which are not expanded again.
fn expanded<'a>(text: &'a str, lookup: Lookup<'_>) -> Result<Cow<'a, str>, Error> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let (mut all, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("${") {
        let (before, variable) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            all.push_str(before);
            all.push_str("${");
            rest = &variable[2..];
            continue;
        }
        let Some((name, after)) = variable[2..].split_once('}') else {
            return Err(mistake("`${` has no `}`", FORM));
        };
        all.push_str(before);
        all.push_str(&value(name, lookup)?);
        rest = after;
    }
    all.push_str(rest);
    Ok(Cow::Owned(all))
}

/// A variable's value, if it may be part of a name.
fn value(name: &str, lookup: Lookup<'_>) -> Result<String, Error> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !starts_well || !name.bytes().all(is_allowed) {
        let message = format!(
            "{} is not an environment variable",
            crate::key::quoted(name)
        );
        return Err(mistake(message, FORM));
    }
    let refused = |what: &str, hint: &str| {
        let message = format!("the environment variable `{name}` {what}");
        Err(mistake(message, hint))
    };
    let value = lookup(name).filter(|value| !value.is_empty());
    match value.map(OsString::into_string) {
        None => refused(
            "is not set or empty",
            "set it, or write `$${` for the text `${`",
        ),
        Some(Err(_)) => refused("is not UTF-8 text", "set it to a name"),
        Some(Ok(value)) if looks_like_a_secret(&value) => refused(
            "looks like a secret, and a manifest must not contain any",
            "leave it out: `apply` creates the secrets itself",
        ),
        Some(Ok(value)) if value.chars().any(is_hidden) => refused(
            "contains a line break, or a control or invisible character",
            "set it to a name, on one line",
        ),
        Some(Ok(value)) => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;
    use proptest::prelude::*;

    fn lookup(name: &str) -> Option<OsString> {
        Some(match name {
            "ENV" => "prod".into(),
            "_X1" => "x".into(),
            "NESTED" => "${ENV}".into(),
            "EMPTY" => "".into(),
            "LINES" => "a\nb".into(),
            "ESCAPE" => "\u{1b}[31m".into(),
            "SECRET" => format!("xkeypost-{}", "ab".repeat(32)).into(),
            "BYTES" => OsString::from_vec(vec![0xff]),
            _ => return None,
        })
    }

    #[test]
    fn variables_are_expanded_once() {
        for (text, result) in [
            ("", ""),
            ("plain $text$", "plain $text$"),
            ("$ENV", "$ENV"),
            ("${ENV}", "prod"),
            ("shop-${ENV}-${_X1}", "shop-prod-x"),
            ("${ENV}${ENV}", "prodprod"),
            ("${NESTED}", "${ENV}"),
            ("$${ENV}", "${ENV}"),
            ("$$", "$$"),
            ("$${${ENV}", "${prod"),
            ("a$${b} ${ENV}", "a${b} prod"),
            ("$$${ENV}", "$${ENV}"),
        ] {
            let found = expanded(text, &lookup).expect(text);
            assert_eq!(found, result, "{text}");
        }
    }

    #[test]
    fn an_unusable_variable_is_named_with_the_reason() {
        for (text, told) in [
            (
                "${NONE}",
                "the environment variable `NONE` is not set or empty",
            ),
            (
                "${EMPTY}",
                "the environment variable `EMPTY` is not set or empty",
            ),
            ("${LINES}", "`LINES` contains a line break"),
            ("${ESCAPE}", "`ESCAPE` contains a line break, or a control"),
            ("${SECRET}", "`SECRET` looks like a secret"),
            ("${BYTES}", "`BYTES` is not UTF-8"),
            ("${ENV", "`${` has no `}`"),
            ("${}", "`` is not an environment variable"),
            ("${ENV:-x}", "`ENV:-x` is not an environment variable"),
            ("${1}", "`1` is not an environment variable"),
            ("ok ${ENV} ${NONE}", "`NONE` is not set"),
        ] {
            let error = expanded(text, &lookup).expect_err(text);
            assert!(error.to_string().contains(told), "{text}: {error}");
            assert!(error.hint().is_some(), "{text}");
            assert!(!error.to_string().contains("abababab"), "{text}");
        }
    }

    #[test]
    fn only_the_words_of_a_command_are_left_as_they_are() {
        let text = "key = [{ after = ['x', '${ENV}'] }]
                    after = '${ENV}'
                    save = { command = ['x', '${ENV}'], file = '${ENV}' }
                    labels = { command = '${ENV}' }
                    command = '${ENV}'";
        let mut document = DeTable::parse(text).expect("a document");
        let mut mistakes = Vec::new();
        expand_table("", document.get_mut(), &lookup, &mut |_, field, _| {
            mistakes.push(field.to_owned());
        });
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let told = format!("{document:?}");
        assert_eq!(told.matches("${ENV}").count(), 2, "{told}");
    }

    proptest! {
        #[test]
        fn a_value_stays_as_it_is(value in "[^\\p{C}]{1,20}", before in "[^$]{0,5}") {
            let lookup = |_: &str| Some(value.clone().into());
            let text = format!("{before}${{X}}");
            if !looks_like_a_secret(&value) && !value.chars().any(is_hidden) {
                let found = expanded(&text, &lookup).expect("expanded");
                prop_assert_eq!(found, format!("{before}{value}"));
            }
        }
    }
}
