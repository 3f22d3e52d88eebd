//! Env files: lines of `NAME=value`, as shells, systemd, Docker and dotenv libraries read them.
//! Sets variables, and leaves everything else unchanged byte for byte.

mod line;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::shared::{self, Changed};
use crate::error::Explained;
use crate::exit::ExitStatus;
use line::{Assignment, BLANKS, EnvEntry, EnvLineError, entries};

/// Placeholder for an unknown value; longer than any.
pub const PLACEHOLDER: &str = match str::from_utf8(&[b'x'; 254]) {
    Ok(text) => text,
    Err(_) => "",
};

/// Why a file could not be read or changed; it is unchanged.
#[derive(Debug, miette::Diagnostic, thiserror::Error)]
pub enum Error {
    /// The file cannot be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] super::Error),
    /// A variable is set more than once: readers disagree on which one wins.
    #[error("`{}` sets the variable `{name}` more than once", path.display())]
    #[diagnostic(help("readers disagree on which one wins; remove all but one of the lines"))]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// The variable.
        name: String,
    },
    /// Readers disagree on a line.
    #[error("line {line} of `{}`: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line number, from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
        /// How to fix it.
        #[help]
        hint: &'static str,
    },
}

impl Explained for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::File(error) => error.exit_status(),
            _ => ExitStatus::Trouble,
        }
    }
}

/// Sets variables in a file, all or none; creates it with mode 0600 if it does not exist.
///
/// The caller must sync the change. Concurrent changes by other processes are kept. Values must
/// be plain: every reader takes letters, digits and `.`, `_`, `-`, `@` literally without quotes.
///
/// # Errors
/// If the file must not be replaced or cannot be written, has a line on which readers disagree, or
/// sets a variable more than once; and the errors of `allow`, which is called with the contents
/// before and after.
pub fn save<E: From<Error> + From<super::Error>>(
    path: &Path,
    variables: &[(&str, &str)],
    allow: impl Fn(&[u8], &[u8]) -> Result<(), E>,
) -> Result<Changed, E> {
    shared::change(path, |before| {
        let after = set_all(path, before, variables)?;
        allow(before, &after)?;
        Ok(after)
    })
}

/// Checks in advance, as far as possible, that variables can be set in a file; an unknown value is
/// [`PLACEHOLDER`].
pub fn expect_savable<E: From<Error> + From<super::Error>>(
    path: &Path,
    variables: &[(&str, &str)],
    allow: impl Fn(&[u8], &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    shared::expect_changeable(path, |before| {
        let after = set_all(path, before, variables)?;
        allow(before, &after)?;
        Ok(after)
    })
}

/// The contents of the file; empty if it does not exist.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    Ok(shared::read(path)?.unwrap_or_default())
}

fn set_all(
    path: &Path,
    text: &[u8],
    variables: &[(&str, &str)],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut text = Zeroizing::new(utf8(text).map_err(|refused| refused.at(path))?.to_owned());
    for (name, value) in variables {
        text = set(&text, name, value).map_err(|refused| refused.at(path))?;
    }
    Ok(Zeroizing::new(std::mem::take(&mut *text).into_bytes()))
}

/// The variables of a file, as all readers see them.
pub struct EnvVariables<'a> {
    entries: Vec<EnvEntry<'a>>,
}

impl<'a> EnvVariables<'a> {
    /// Parses the contents of the file at `path`.
    ///
    /// # Errors
    /// If readers disagree on a line.
    pub fn read(path: &Path, text: &'a [u8]) -> Result<Self, Error> {
        let entries = utf8(text).and_then(|text| Ok(entries(text)?));
        let entries = entries.map_err(|refused| refused.at(path))?;
        Ok(Self { entries })
    }

    /// Whether a variable is set.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.sets(name))
    }

    /// The value of a variable without its quotes; the last one, as in sh, if it is set more than
    /// once.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.all().rev().find(|(found, _)| *found == name)?.1.into()
    }

    /// The names and values of all variables, in order.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = (&'a str, &'a str)> {
        let assignments = self
            .entries
            .iter()
            .filter_map(|entry| entry.assignment.as_ref());
        assignments.map(|assignment| (assignment.name, assignment.value))
    }

    /// The line and name of the first variable whose value satisfies the predicate.
    pub fn find(&self, matches: impl Fn(&str) -> bool) -> Option<(usize, &'a str)> {
        self.entries.iter().find_map(|entry| {
            let assignment = entry.assignment.as_ref();
            let found = assignment.filter(|found| matches(found.value))?;
            Some((entry.line, found.name))
        })
    }
}

/// Why a text cannot be changed.
#[derive(Debug, PartialEq, Eq)]
enum EditRefusal {
    /// It is not an env file.
    NotText(&'static str, &'static str),
    /// A line is ambiguous.
    Line(EnvLineError),
    /// A variable is set more than once.
    Ambiguous(String),
}

impl From<EnvLineError> for EditRefusal {
    fn from(fault: EnvLineError) -> Self {
        Self::Line(fault)
    }
}

impl EditRefusal {
    fn at(self, path: &Path) -> Error {
        let path = path.to_owned();
        match self {
            Self::NotText(why, hint) => super::Error::Refused { path, why, hint }.into(),
            Self::Line(EnvLineError { line, why, hint }) => Error::Line {
                path,
                line,
                why,
                hint,
            },
            Self::Ambiguous(name) => Error::Ambiguous { path, name },
        }
    }
}

fn utf8(text: &[u8]) -> Result<&str, EditRefusal> {
    if text.contains(&0) {
        let why = "is not a text file, as an env file must be";
        return Err(EditRefusal::NotText(why, "name another file"));
    }
    std::str::from_utf8(text).map_err(|_| {
        let hint = "convert it (`iconv -t UTF-8`), or name another file";
        EditRefusal::NotText("is not UTF-8 text", hint)
    })
}

/// The text with the variable set: in place, or at the end.
fn set(text: &str, name: &str, value: &str) -> Result<Zeroizing<String>, EditRefusal> {
    let entries = entries(text)?;
    let mut found = entries.iter().filter(|entry| entry.sets(name));
    if let Some(entry) = entries.iter().find(|entry| entry.hides(name)) {
        return Err(hidden(entry).into());
    }
    match (found.next(), found.next()) {
        (None, _) => Ok(appended(text, name, value)),
        (Some(_), Some(_)) => Err(EditRefusal::Ambiguous(name.to_owned())),
        (Some(entry), None) => Ok(replaced(text, entry, value)?),
    }
}

fn hidden(entry: &EnvEntry<'_>) -> EnvLineError {
    EnvLineError {
        line: entry.line,
        why: "some readers would take part of the value for the variable being set",
        hint: "name another variable, or remove that part",
    }
}

fn appended(text: &str, name: &str, value: &str) -> Zeroizing<String> {
    // Large enough not to grow, which would leave copies behind.
    let room = text.len() + name.len() + value.len() + 4;
    let mut out = Zeroizing::new(String::with_capacity(room));
    out.push_str(text);
    if !text.is_empty() && !text.ends_with('\n') {
        out.push('\n');
    }
    // In systemd, a backslash joins the line with the next, even in a comment.
    if out.ends_with("\\\n") {
        out.push('\n');
    }
    for part in [name, "=", value, "\n"] {
        out.push_str(part);
    }
    out
}

/// The text with a new value for an entry. A comment after the old value moves to its own line:
/// systemd and Docker would make it part of the value.
fn replaced(
    text: &str,
    entry: &EnvEntry<'_>,
    value: &str,
) -> Result<Zeroizing<String>, EnvLineError> {
    let Some(assignment) = &entry.assignment else {
        return Ok(Zeroizing::new(text.to_owned()));
    };
    expect_replaceable(entry, assignment)?;
    let (before, after) = (
        &text[..entry.start],
        &text[entry.start + entry.text.len()..],
    );
    let blanks = entry.text.len() - entry.text.trim_start_matches(BLANKS).len();
    let comment = match assignment.comment {
        Some(comment) => [&entry.text[..blanks], comment, "\n"],
        None => [""; 3],
    };
    let assigned = [&entry.text[..assignment.start], value, "\n"];
    let room = text.len() + blanks + value.len() + 2;
    let mut out = Zeroizing::new(String::with_capacity(room));
    for part in [before]
        .into_iter()
        .chain(comment)
        .chain(assigned)
        .chain([after])
    {
        out.push_str(part);
    }
    Ok(out)
}

/// Makes sure that only a value on a line of its own is replaced.
fn expect_replaceable(
    entry: &EnvEntry<'_>,
    assignment: &Assignment<'_>,
) -> Result<(), EnvLineError> {
    let fault = |why, hint| EnvLineError {
        line: entry.line,
        why,
        hint,
    };
    if assignment.is_split {
        return Err(fault(
            "not all readers take the variable's current value as one value",
            "remove that line, or name another variable",
        ));
    }
    match assignment.is_expanded {
        true => Err(fault(
            "the variable's current value refers to other variables",
            "set one of those, or remove that line",
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
