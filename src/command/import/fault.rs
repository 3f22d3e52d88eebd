//! Invalid lines: all of them are reported, without anything that may be a password.

use std::collections::HashSet;

use crate::context::Context;
use crate::error::{Error, Explained};
use crate::exit::ExitStatus;
use crate::ui::counted;

/// How many invalid lines are reported; the rest are only counted.
const MAX_REPORTED: usize = 100;

/// Why a line cannot be imported.
#[derive(Debug)]
pub(super) struct LineError(Error);

impl LineError {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(Error::usage(why))
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self(self.0.with_hint(hint))
    }

    /// The same for a name or secret that is taken.
    pub(super) fn taken(self) -> Self {
        Self(self.0.with_status(ExitStatus::Exists))
    }
}

impl<E: Explained> From<E> for LineError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<Error> for LineError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// The invalid lines of an input.
#[derive(Debug, Default)]
pub(super) struct InvalidLines {
    /// The first ones, with their line numbers.
    first: Vec<(u64, LineError)>,
    count: u64,
    worst: Option<ExitStatus>,
}

impl InvalidLines {
    pub(super) fn add(&mut self, line: u64, fault: LineError) {
        self.worst = self.worst.max(Some(fault.0.exit_status()));
        self.count += 1;
        if self.first.len() < MAX_REPORTED {
            self.first.push((line, fault));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Reports each line, each hint once, and returns the error that nothing was imported.
    pub(super) fn report(mut self, context: &Context) -> Error {
        self.first.sort_by_key(|(line, _)| *line);
        let mut hints = HashSet::new();
        for (line, LineError(error)) in &self.first {
            let describe = Error::new(error.exit_status(), format!("line {line}: {error}"));
            let hint = error.hint().filter(|hint| hints.insert(hint.to_string()));
            context.ui.error(&match hint {
                Some(hint) => describe.with_hint(hint),
                None => describe,
            });
        }
        let lines = counted(i128::from(self.count), "invalid line", "invalid lines");
        let more = match self.count.saturating_sub(MAX_REPORTED as u64) {
            0 => String::new(),
            more => format!(", of which {more} are not shown"),
        };
        let message = format!("nothing was imported: {lines}{more}");
        Error::new(self.worst.unwrap_or(ExitStatus::Usage), message)
            .with_hint("fix or remove them, and try again")
    }
}
