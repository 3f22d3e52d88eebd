//! Selects keys: by names on the command line or standard input, by what they are, or from a menu.

use std::ffi::OsStr;
use std::path::Path;
use std::str::FromStr;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::completion;
pub use super::key_menu::KeyPrompt;
use super::key_menu::{MAX_OFFERED, choose};
use super::key_selector::KeySelector;
use super::selected_keys::SelectedKeys;
use crate::context::Context;
use crate::context::name_list as list;
use crate::context::name_list::{DuplicateName, STANDARD_INPUT};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Invalid, KeyName};
use crate::vault::{self, Record, Vault};

/// A name, or `-` to read names from standard input.
#[derive(Clone, Debug)]
pub enum NameArgument {
    Name(KeyName),
    StandardInput,
}

impl FromStr for NameArgument {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "-" => Ok(Self::StandardInput),
            text => text.parse().map(Self::Name),
        }
    }
}

/// The keys that a command is about.
pub enum ChosenKeys {
    /// Those that were named.
    Named(NameList),
    /// Those that a selector matches, to which the command applies.
    Selected(SelectedKeys),
}

/// The named or selected keys; prompts for one if none are named and nothing selects any.
///
/// `None` if the prompt was cancelled.
pub fn chosen(
    names: Vec<NameArgument>,
    selector: &KeySelector,
    question: KeyPrompt,
    context: &Context,
) -> Result<Option<ChosenKeys>, Error> {
    expect_one_way(!names.is_empty(), selector.given())?;
    if selector.given().is_none() {
        let names = self::names(names, question, context)?;
        return Ok(names.map(ChosenKeys::Named));
    }
    let selected = context.select(selector, question.fits, &context.open()?)?;
    Ok(Some(ChosenKeys::Selected(selected)))
}

/// Makes sure that keys are either named or selected.
pub fn expect_one_way(has_names: bool, selector: Option<&str>) -> Result<(), Error> {
    match selector {
        Some(flag) if has_names => {
            let message = format!("names cannot be combined with {flag}");
            Err(Error::usage(message).with_hint(format!("omit the names, or {flag}")))
        }
        _ => Ok(()),
    }
}

/// The names, and the exit status of invalid ones.
pub struct NameList {
    all: Vec<WantedName>,
    status: ExitStatus,
}

/// The name of a key, and how it was chosen.
pub struct WantedName {
    pub name: KeyName,
    /// Its line number if it was read from standard input.
    line: Option<usize>,
    /// The key as it was when a selector matched it.
    seen: Option<Record>,
}

impl WantedName {
    fn given(name: KeyName) -> Self {
        Self {
            name,
            line: None,
            seen: None,
        }
    }

    fn selected(seen: &Record) -> Self {
        Self {
            seen: Some(seen.clone()),
            ..Self::given(seen.key.name.clone())
        }
    }

    /// The key with this name; if it was selected, the very one that was shown then.
    ///
    /// # Errors
    /// If there is none, or the selected one was replaced or got another secret.
    pub fn find(&self, vault: &Vault) -> Result<Record, Error> {
        let found = vault.find(&self.name)?;
        let is_same = |seen: &Record| found.id == seen.id && found.key.tail == seen.key.tail;
        match self.seen.as_ref().is_none_or(is_same) {
            true => Ok(found),
            false => Err(vault::Error::Changed(found.key.name).into()),
        }
    }
}

/// The keys given by the selectors; prompts for one if there are none.
///
/// `None` if the prompt was cancelled.
pub fn names(
    selectors: Vec<NameArgument>,
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
            NameArgument::Name(name) => names.all.push(WantedName::given(name)),
            NameArgument::StandardInput => names.read(context)?,
        }
    }
    Ok(Some(names))
}

impl From<SelectedKeys> for NameList {
    fn from(selected: SelectedKeys) -> Self {
        Self {
            all: selected.records().map(WantedName::selected).collect(),
            status: selected.status,
        }
    }
}

impl NameList {
    /// The names, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &KeyName> {
        self.all.iter().map(|wanted| &wanted.name)
    }

    /// Whether there is none.
    pub fn are_none(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds the names on standard input. An invalid line is reported, and does not affect the
    /// others.
    fn read(&mut self, context: &Context) -> Result<(), Error> {
        let (wanted, faults) = list::read(Path::new("-"), DuplicateName::Skipped, context)?;
        let is_over = faults.are_enough();
        let done = match is_over {
            true => "nothing was done",
            false => "they were skipped",
        };
        if let Err(error) = faults.report(done, context) {
            if is_over {
                return Err(error);
            }
            context.ui.error(&error);
            self.status = self.status.max(error.exit_status());
        }
        self.all.extend(wanted.into_iter().map(|wanted| WantedName {
            name: wanted.name,
            line: Some(wanted.line),
            seen: None,
        }));
        Ok(())
    }
}

/// The named key; prompts for one if there is none.
pub fn name(
    name: Option<KeyName>,
    question: KeyPrompt,
    context: &Context,
) -> Result<Option<KeyName>, Error> {
    name.map_or_else(|| choose(question, context), |name| Ok(Some(name)))
}

/// The keys that a read-only command is about, and their vault.
pub struct KeysToRead {
    /// The names; `None` for all keys.
    pub names: Option<NameList>,
    pub vault: Vault,
}

/// The named or selected keys, or all.
pub fn chosen_or_all(
    given: Vec<NameArgument>,
    selector: &KeySelector,
    context: &Context,
) -> Result<KeysToRead, Error> {
    expect_one_way(!given.is_empty(), selector.given())?;
    let names = match selector.given() {
        None if given.is_empty() => None,
        None => names(given, KeyPrompt::of_any(""), context)?,
        Some(_) => Some(context.select_to_read(selector, &context.open()?)?.into()),
    };
    let vault = context.open()?;
    Ok(KeysToRead { names, vault })
}

/// Ends a command whose prompt was cancelled.
pub fn report_cancelled(context: &Context) -> ExitStatus {
    context.ui.note("nothing chosen; nothing was done");
    ExitStatus::No
}

/// Runs a function for each key, reports each failure, and returns the highest exit status.
pub fn each(
    names: &NameList,
    context: &mut Context,
    mut act: impl FnMut(&WantedName, &mut Context) -> Result<ExitStatus, Error>,
) -> ExitStatus {
    let mut highest = names.status;
    for wanted in &names.all {
        let status = act(wanted, context).unwrap_or_else(|error| {
            let error = context.with_suggestion(context.diagnosed(error));
            let error = match wanted.line {
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

/// Completes key names from the vault of the command line.
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
        .and_then(|vault: Vault| vault.names(prefix, MAX_OFFERED).ok())
        .unwrap_or_default()
}
