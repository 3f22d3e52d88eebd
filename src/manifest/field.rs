//! Reads a table of the manifest field by field. A mistake is recorded with its line, and the
//! remaining fields are still read.

use std::str::FromStr;

use toml::de::{DeTable, DeValue};

use super::ManifestError;
use crate::error::Error;
use crate::key::{Invalid, looks_like_a_secret, quoted};
use crate::settings::hint;

/// After this many mistakes, reading stops.
const MAX_MISTAKES: usize = 20;

/// A mistake in a value, and the hint.
pub(super) fn mistake(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::usage(message).with_hint(hint)
}

/// The mistakes in a manifest.
pub(super) struct ManifestErrors {
    /// The offset of each line but the first.
    lines: Vec<usize>,
    all: Vec<ManifestError>,
}

impl ManifestErrors {
    pub(super) fn of(text: &str) -> Self {
        let ends = text.match_indices('\n');
        Self {
            lines: ends.map(|(at, _)| at + 1).collect(),
            all: Vec::new(),
        }
    }

    /// The line of an offset.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|&start| start <= at) + 1
    }

    pub(super) fn note(&mut self, line: usize, error: Error) {
        if !self.are_enough() {
            self.all.push(ManifestError { line, error });
        }
    }

    /// The same at an offset.
    pub(super) fn note_at(&mut self, at: usize, error: Error) {
        self.note(self.line(at), error);
    }

    pub(super) fn are_none(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn are_enough(&self) -> bool {
        self.all.len() >= MAX_MISTAKES
    }

    /// The result, if there were no mistakes; otherwise these, in the order of their lines.
    pub(super) fn or<T>(mut self, read: T) -> Result<T, Vec<ManifestError>> {
        if self.all.is_empty() {
            return Ok(read);
        }
        self.all.sort_by_key(|mistake| mistake.line);
        Err(self.all)
    }
}

/// A table with a fixed set of fields.
pub(super) struct ManifestTable<'a> {
    pub(super) table: &'a DeTable<'a>,
    pub(super) known: &'a [&'a str],
    /// What the table describes, for messages.
    pub(super) what: &'a str,
}

impl ManifestTable<'_> {
    /// Records unknown fields.
    pub(super) fn expect_known_fields(&self, mistakes: &mut ManifestErrors) {
        for field in self.table.keys() {
            let (name, at) = (field.get_ref().as_ref(), field.span().start);
            if !self.known.contains(&name) {
                let message = format!("{} has no field {}", self.what, quoted(name));
                let fault = mistake(message, hint(name, self.known));
                mistakes.note(mistakes.line(at), fault);
            }
        }
    }

    /// The line of a field, if it is present.
    pub(super) fn line(&self, name: &str, mistakes: &ManifestErrors) -> Option<usize> {
        let (field, _) = self.table.get_key_value(name)?;
        Some(mistakes.line(field.span().start))
    }

    /// A field, if it is present and valid.
    pub(super) fn get<T>(
        &self,
        name: &str,
        mistakes: &mut ManifestErrors,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, Error>,
    ) -> Option<T> {
        let value = self.table.get(name)?;
        match read(value.get_ref()) {
            Ok(read) => Some(read),
            Err(error) => {
                let line = self.line(name, mistakes).unwrap_or_default();
                mistakes.note(line, error.about(name));
                None
            }
        }
    }
}

/// A string that is not a secret.
pub(super) fn text<'a>(value: &'a DeValue<'_>) -> Result<&'a str, Error> {
    let text = value
        .as_str()
        .ok_or_else(|| mistake(no_text(value), "write it in quotation marks"))?;
    if looks_like_a_secret(text) {
        return Err(mistake(
            "it looks like a secret, and a manifest must not contain any",
            "leave it out: `apply` creates the secrets itself",
        ));
    }
    Ok(text)
}

/// A list of strings that are not secrets; `form` is the hint at how it is written.
pub(super) fn texts(value: &DeValue<'_>, form: &str) -> Result<Vec<String>, Error> {
    let DeValue::Array(list) = value else {
        let message = format!("it is {}, but must be a list", kind_of(value));
        return Err(mistake(message, form));
    };
    let texts = list.iter().map(|one| Ok(text(one.get_ref())?.to_owned()));
    texts.collect()
}

fn no_text(value: &DeValue<'_>) -> String {
    format!("it is {}, but must be text", kind_of(value))
}

/// A string parsed into a value.
pub(super) fn parsed<T: FromStr<Err = Invalid>>(value: &DeValue<'_>) -> Result<T, Error> {
    if let Some(written) = without_marks(value) {
        // Does not suggest quotes if the quoted string would be invalid, too.
        let hint = match written.parse::<T>() {
            Ok(_) => format!("write it in quotation marks: \"{written}\""),
            Err(invalid) => invalid.hint().unwrap_or_default().to_owned(),
        };
        return Err(mistake(no_text(value), hint));
    }
    Ok(text(value)?.parse()?)
}

/// A literal that only lacks quotes.
fn without_marks(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        _ => return None,
    })
}

/// The type of a value, for messages.
pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date without quotation marks",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
