//! Which keys are meant: names on the command line, from standard input, or chosen.

use std::ffi::OsStr;
use std::path::Path;
use std::str::FromStr;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use jiff::Timestamp;

use super::completion;
use crate::context::Context;
use crate::context::name_list as list;
use crate::context::name_list::{Repeated, STANDARD_INPUT};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Invalid, Key, KeyName};
use crate::vault::{self, Record, SortOrder, Vault};

/// How many keys are offered to choose from.
const OFFERED: usize = 1000;

/// A name, or `-` for the names on standard input.
#[derive(Clone, Debug)]
pub enum Selector {
    Name(KeyName),
    StandardInput,
}

impl FromStr for Selector {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "-" => Ok(Self::StandardInput),
            text => text.parse().map(Self::Name),
        }
    }
}

/// What is asked where no key named, and which keys are offered.
#[derive(Clone, Copy)]
pub struct KeyPrompt {
    pub text: &'static str,
    /// Whether the command has something to do to a key at a time; without it, to any.
    pub fits: Option<fn(&Key, Timestamp) -> bool>,
    /// What is said where it has to none.
    pub none: &'static str,
}

impl KeyPrompt {
    /// A question about any key.
    pub const fn of_any(text: &'static str) -> Self {
        Self {
            text,
            fits: None,
            none: "there are no keys in this vault",
        }
    }
}

/// The names that were given, and how what was wrong with some of them ends the command.
pub struct NameList {
    all: Vec<WantedName>,
    status: ExitStatus,
}

/// A name, and the line of standard input that it stands in, if it was read from there.
struct WantedName {
    name: KeyName,
    line: Option<usize>,
}

impl WantedName {
    fn given(name: KeyName) -> Self {
        Self { name, line: None }
    }
}

/// The keys that the selectors mean; asks for one if there are none.
///
/// `None` if the person who was asked did not choose.
pub fn names(
    selectors: Vec<Selector>,
    question: KeyPrompt,
    context: &Context,
) -> Result<Option<NameList>, Error> {
    let mut names = NameList {
        all: Vec::new(),
        status: ExitStatus::Done,
    };
    if selectors.is_empty() {
        let chosen = choose(question, context)?;
        names.all.extend(chosen.map(WantedName::given));
        return Ok(Some(names).filter(|names| !names.all.is_empty()));
    }
    for selector in selectors {
        match selector {
            Selector::Name(name) => names.all.push(WantedName::given(name)),
            Selector::StandardInput => names.read(context)?,
        }
    }
    Ok(Some(names))
}

impl NameList {
    /// The names, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &KeyName> {
        self.all.iter().map(|wanted| &wanted.name)
    }

    /// Adds the names on standard input. What is wrong with a line is told, and keeps no other
    /// from being taken.
    fn read(&mut self, context: &Context) -> Result<(), Error> {
        let (wanted, faults) = list::read(Path::new("-"), Repeated::Skipped, context)?;
        let is_over = faults.are_enough();
        let done = match is_over {
            true => "nothing was done",
            false => "they were skipped",
        };
        if let Err(error) = faults.tell(done, context) {
            if is_over {
                return Err(error);
            }
            context.ui.error(&error);
            self.status = self.status.max(error.exit_status());
        }
        self.all.extend(wanted.into_iter().map(|wanted| WantedName {
            name: wanted.name,
            line: Some(wanted.line),
        }));
        Ok(())
    }
}

/// The key that is meant; asks for it if it was not named.
pub fn name(
    name: Option<KeyName>,
    question: KeyPrompt,
    context: &Context,
) -> Result<Option<KeyName>, Error> {
    name.map_or_else(|| choose(question, context), |name| Ok(Some(name)))
}

fn choose(question: KeyPrompt, context: &Context) -> Result<Option<KeyName>, Error> {
    if context.is_yes {
        return Err(Error::usage("no key named, and --yes disables prompts")
            .with_hint("name it: `postkey list` shows the keys"));
    }
    context
        .ui
        .expect_person("no key named", "name it: `postkey list` shows the keys")?;
    let vault = context.open()?;
    if vault.names("", 1)?.is_empty() {
        return Err(
            Error::new(ExitStatus::NotFound, "there are no keys in this vault")
                .with_hint("`postkey generate api NAME` creates one"),
        );
    }
    let names = fitting(question, &vault, context.display().now)?;
    if names.is_empty() {
        return Err(Error::new(ExitStatus::NotFound, question.none)
            .with_hint("`postkey list` shows the keys in this vault"));
    }
    if names.len() <= OFFERED {
        let chosen = context.ui.search(question.text, &names)?;
        return Ok(chosen.map(|chosen| names[chosen].clone()));
    }
    let answer = context
        .ui
        .line(question.text)?
        .filter(|answer| !answer.is_empty());
    Ok(answer.map(|answer| answer.parse()).transpose()?)
}

/// The names of the keys to offer, of too many one more than are.
fn fitting(question: KeyPrompt, vault: &Vault, now: Timestamp) -> Result<Vec<KeyName>, Error> {
    let Some(fits) = question.fits else {
        return Ok(vault.names("", OFFERED + 1)?);
    };
    let mut page = vault.first_page(SortOrder::Name)?;
    let mut names = Vec::new();
    let mut take = |record: Result<Record, vault::Error>| match record {
        Ok(Record { key, .. }) if fits(&key, now) => names.push(key.name),
        // A damaged key can still be named.
        _ => {}
    };
    while vault.next_page(&mut page, &mut take)? {}
    names.truncate(OFFERED + 1);
    Ok(names)
}

/// Which keys a reading command is about, and the vault that they are in.
pub struct Chosen {
    /// The names that were given; `None` for all keys.
    pub names: Option<NameList>,
    pub vault: Vault,
}

/// The keys that were named, or all.
pub fn named_or_all(given: Vec<Selector>, context: &Context) -> Result<Chosen, Error> {
    let names = match given.is_empty() {
        true => None,
        false => names(given, KeyPrompt::of_any(""), context)?,
    };
    let vault = context.open()?;
    Ok(Chosen { names, vault })
}

/// What a verb ends with when the person who was asked did not answer.
pub fn nothing_chosen(context: &Context) -> ExitStatus {
    context.ui.note("nothing chosen; nothing was done");
    ExitStatus::No
}

/// Does something to each key, reports each failure, and ends with the highest status.
pub fn each(
    names: &NameList,
    context: &mut Context,
    mut act: impl FnMut(&KeyName, &mut Context) -> Result<ExitStatus, Error>,
) -> ExitStatus {
    let mut highest = names.status;
    for WantedName { name, line } in &names.all {
        let status = act(name, context).unwrap_or_else(|error| {
            let error = context.with_suggestion(context.diagnosed(error));
            let error = match line {
                None => error,
                Some(line) => error.about(format_args!("line {line} of {STANDARD_INPUT}")),
            };
            context.ui.error(&error);
            error.exit_status()
        });
        highest = highest.max(status);
    }
    highest
}

/// Completes the names of keys from the vault that the command line means.
pub fn completer() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| -> Vec<CompletionCandidate> {
        let names = current.to_str().map(names_from_vault).unwrap_or_default();
        names
            .iter()
            .map(|name| CompletionCandidate::new(name.as_str()))
            .collect()
    })
}

fn names_from_vault(prefix: &str) -> Vec<KeyName> {
    completion::context_of_words()
        .and_then(|context| context.open().ok())
        .and_then(|vault: Vault| vault.names(prefix, OFFERED).ok())
        .unwrap_or_default()
}
