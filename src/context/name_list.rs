//! Lists of key names, one per line, with their errors.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::open_input;
use crate::key::{KeyName, without_mark};
use crate::ui::counted;

/// The maximum number of names.
const MAX_NAMES: usize = 1_000_000;

/// The maximum number of lines.
const MAX_LINES: usize = 2 * MAX_NAMES;

/// The maximum size, in bytes: a million of the longest names, and comments.
const MAX_SIZE: u64 = 80 << 20;

/// The maximum length of a line, in bytes.
const MAX_LINE: u64 = 4096;

/// How many errors are reported one by one.
const MAX_LISTED: usize = 20;

/// After how many errors reading stops.
const MAX_FAULTS: usize = 1000;

/// A name and its line number, from 1.
#[derive(Debug)]
pub struct ListedName {
    pub name: KeyName,
    pub line: usize,
}

/// Errors in lines, reported together before anything is created.
pub struct InvalidNames {
    /// Where the lines come from.
    source: String,
    count: usize,
    /// At least the first errors of each kind.
    kept: Vec<(usize, Error)>,
    highest: ExitStatus,
}

/// How to treat a name that occurred before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DuplicateName {
    /// As an error: it cannot belong to two keys.
    Fault,
    /// As the same key, listed once.
    Skipped,
}

/// Reads the names in a file, or on standard input for `-`.
///
/// # Errors
/// If it cannot be read, is too large, or has no names. Errors in single lines are added to the
/// faults.
pub fn read(
    path: &Path,
    repeated: DuplicateName,
    context: &Context,
) -> Result<(Vec<ListedName>, InvalidNames), Error> {
    let (input, source): (Box<dyn Read>, String) = match path.to_str() {
        Some("-") => (
            Box::new(standard_input(context)?),
            STANDARD_INPUT.to_owned(),
        ),
        _ => {
            let source = format!("`{}`", path.display());
            let file = open_input(path).map_err(|error| unreadable(&source, &error))?;
            (Box::new(file), source)
        }
    };
    let mut faults = InvalidNames::of(source);
    let wanted = lines(BufReader::new(input), repeated, &mut faults)?;
    if wanted.is_empty() && faults.count == 0 {
        let message = format!("no names in {}", faults.source);
        return Err(Error::usage(message).with_hint("one name per line; `#` starts a comment"));
    }
    Ok((wanted, faults))
}

/// The name of standard input in messages.
pub const STANDARD_INPUT: &str = "standard input";

fn standard_input(context: &Context) -> Result<impl Read, Error> {
    context.ui.expect_input()?;
    let input = io::stdin().lock();
    if input.is_terminal() {
        let note = "reading names from standard input, one per line; Ctrl-D ends the list";
        context.ui.note(note);
    }
    Ok(input)
}

fn lines(
    mut input: impl BufRead,
    repeated: DuplicateName,
    faults: &mut InvalidNames,
) -> Result<Vec<ListedName>, Error> {
    let mut reading = NameReader::default();
    let mut length = 0;
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut text);
        length += read.map_err(|error| unreadable(&faults.source, &error))? as u64;
        if text.is_empty() || faults.count == MAX_FAULTS {
            break;
        }
        if let Err(error) = reading.take(&text, line, repeated) {
            faults.add(line, error);
        }
        if let Some(most) = reading.limit_exceeded(line, length, &text) {
            return Err(limit_error(&faults.source, most));
        }
    }
    Ok(reading.wanted)
}

/// The names so far.
#[derive(Default)]
struct NameReader {
    wanted: Vec<ListedName>,
    /// The line of each name.
    seen: HashMap<String, usize>,
}

impl NameReader {
    /// The limit that is exceeded after this line, if one is.
    fn limit_exceeded(&self, line: usize, length: u64, text: &[u8]) -> Option<&'static str> {
        if text.len() as u64 == MAX_LINE && !text.ends_with(b"\n") {
            Some("4096 characters in a line")
        } else if length > MAX_SIZE {
            Some("80 MiB")
        } else if line > MAX_LINES {
            Some("two million lines")
        } else if self.wanted.len() > MAX_NAMES {
            Some("a million names")
        } else {
            None
        }
    }

    /// Adds the name in a line, if it has one.
    fn take(&mut self, text: &[u8], line: usize, repeated: DuplicateName) -> Result<(), Error> {
        let Some(name) = name(text)? else {
            return Ok(());
        };
        match self.seen.entry(name.folded()) {
            Entry::Occupied(_) if repeated == DuplicateName::Skipped => Ok(()),
            Entry::Occupied(first) => {
                let message = format!("`{name}` is already on line {}", first.get());
                Err(Error::usage(message).with_hint("names ignore case; remove one"))
            }
            Entry::Vacant(vacant) => {
                vacant.insert(line);
                self.wanted.push(ListedName { name, line });
                Ok(())
            }
        }
    }
}

/// The name in a line; `None` for a blank line or a comment.
fn name(line: &[u8]) -> Result<Option<KeyName>, Error> {
    let text = String::from_utf8_lossy(without_mark(line));
    let text = text.split('#').next().unwrap_or_default().trim();
    match text {
        "" => Ok(None),
        name => Ok(Some(name.parse()?)),
    }
}

fn unreadable(source: &str, error: &io::Error) -> Error {
    Error::usage(format!("cannot read {source}: {error}"))
        .with_hint("--from takes a file with one name per line; `-` is standard input")
}

fn limit_error(source: &str, most: &str) -> Error {
    Error::usage(format!("{source} has more than {most}")).with_hint("split it")
}

impl InvalidNames {
    fn of(source: String) -> Self {
        Self {
            source,
            count: 0,
            kept: Vec::new(),
            highest: ExitStatus::Done,
        }
    }

    /// Whether reading stopped because there were too many.
    pub fn are_enough(&self) -> bool {
        self.count >= MAX_FAULTS
    }

    /// Adds an error in a line.
    pub fn add(&mut self, line: usize, error: Error) {
        self.count += 1;
        self.highest = self.highest.max(error.exit_status());
        self.kept.push((line, error));
        if self.kept.len() > 2 * MAX_LISTED {
            self.drop_excess();
        }
    }

    fn drop_excess(&mut self) {
        self.kept.sort_by_key(|(line, _)| *line);
        self.kept.truncate(MAX_LISTED);
    }

    /// Reports the first errors, line by line.
    ///
    /// # Errors
    /// If there were any, with the highest of their exit statuses; `done` says what was done
    /// before.
    pub fn report(mut self, done: &str, context: &Context) -> Result<(), Error> {
        if self.count == 0 {
            return Ok(());
        }
        self.drop_excess();
        let told = self.kept.len();
        for (line, error) in self.kept {
            let source = format_args!("line {line} of {}", self.source);
            context.ui.error(&error.about(source));
        }
        let least = if self.count < MAX_FAULTS {
            ""
        } else {
            "at least "
        };
        let lines = counted(self.count as i128, "invalid line", "invalid lines");
        let message = format!("{least}{lines} in {}; {done}", self.source);
        Err(match self.count > told {
            true => {
                Error::new(self.highest, message).with_hint(format!("showing the first {told}"))
            }
            false => Error::new(self.highest, message),
        })
    }
}
