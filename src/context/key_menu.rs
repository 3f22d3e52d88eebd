//! The menu of a vault's keys, for a command without a name.

use std::collections::HashSet;

use jiff::Timestamp;

use super::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName};
use crate::ui::{KeyView, MenuItem};
use crate::vault::{self, Record, SortOrder, Vault};

/// How many keys are offered to choose from.
pub(super) const MAX_OFFERED: usize = 1000;

/// The prompt for a key, and which keys are offered.
#[derive(Clone, Copy)]
pub struct KeyPrompt {
    pub text: &'static str,
    /// Which keys the command applies to; all if `None`.
    pub fits: Option<fn(&Key, Timestamp) -> bool>,
    /// The message if it applies to none.
    pub none: &'static str,
}

impl KeyPrompt {
    /// A prompt for any key.
    pub const fn of_any(text: &'static str) -> Self {
        Self {
            text,
            fits: None,
            none: "there are no keys in this vault",
        }
    }
}

/// A key in the menu; a damaged one can still be named.
enum OfferedKey {
    Readable(Box<Record>),
    Damaged(KeyName),
}

impl OfferedKey {
    fn name(&self) -> &KeyName {
        match self {
            Self::Readable(record) => &record.key.name,
            Self::Damaged(name) => name,
        }
    }

    fn record(&self) -> Option<&Record> {
        match self {
            Self::Readable(record) => Some(record),
            Self::Damaged(_) => None,
        }
    }
}

/// Lets the user choose a key; `None` if that was cancelled.
pub(super) fn choose(question: KeyPrompt, context: &Context) -> Result<Option<KeyName>, Error> {
    if context.is_yes {
        return Err(Error::usage("no key named, and --yes disables prompts")
            .with_hint("name it: `postkey list` shows the keys"));
    }
    context
        .ui
        .expect_interactive("no key named", "name it: `postkey list` shows the keys")?;
    let vault = context.open()?;
    if vault.count()? == 0 {
        return Err(
            Error::new(ExitStatus::NotFound, "there are no keys in this vault")
                .with_hint("`postkey generate api NAME` creates one"),
        );
    }
    let mut candidates = candidates(question, &vault, context.display().now)?;
    if candidates.is_empty() {
        return Err(Error::new(ExitStatus::NotFound, question.none)
            .with_hint("`postkey list` shows the keys in this vault"));
    }
    if candidates.len() > MAX_OFFERED {
        return ask_name(question, context);
    }
    let items = items(&candidates, &vault, context);
    let chosen = context.ui.search(question.text, &items)?;
    Ok(chosen.map(|chosen| candidates.swap_remove(chosen).name().clone()))
}

/// Prompts for the name if there are too many keys for a menu.
fn ask_name(question: KeyPrompt, context: &Context) -> Result<Option<KeyName>, Error> {
    let answer = context
        .ui
        .line(question.text)?
        .filter(|answer| !answer.is_empty());
    Ok(answer.map(|answer| answer.parse()).transpose()?)
}

/// The keys to offer, by name, damaged ones last; if there are too many, more than can be offered.
fn candidates(
    question: KeyPrompt,
    vault: &Vault,
    now: Timestamp,
) -> Result<Vec<OfferedKey>, vault::Error> {
    let records = applicable(question, vault, now)?;
    let mut names = match question.fits {
        Some(_) => Vec::new(),
        None => vault.names("", MAX_OFFERED + 1)?,
    };
    let readable: HashSet<String> = records
        .iter()
        .map(|record| record.key.name.folded())
        .collect();
    names.retain(|name| !readable.contains(&name.folded()));
    let readable = records.into_iter().map(Box::new).map(OfferedKey::Readable);
    Ok(readable
        .chain(names.into_iter().map(OfferedKey::Damaged))
        .collect())
}

/// The readable keys that the command applies to.
fn applicable(
    question: KeyPrompt,
    vault: &Vault,
    now: Timestamp,
) -> Result<Vec<Record>, vault::Error> {
    let mut page = vault.first_page(SortOrder::Name)?;
    let mut records = Vec::new();
    let is_fit = |record: &Record| question.fits.is_none_or(|fits| fits(&record.key, now));
    let mut is_more = true;
    while is_more && records.len() <= MAX_OFFERED {
        is_more = vault.next_page(&mut page, |found| records.extend(found.ok().filter(is_fit)))?;
    }
    Ok(records)
}

fn items(candidates: &[OfferedKey], vault: &Vault, context: &Context) -> Vec<MenuItem> {
    let display = context.display();
    let records = candidates.iter().filter_map(OfferedKey::record);
    let mut uses = context.uses(vault);
    let summaries = uses.summaries(records, display.now, &context.ui);
    let mut summaries = summaries.into_iter();
    let mut item = |key: &OfferedKey| match key {
        OfferedKey::Damaged(name) => {
            vec![
                name.to_string(),
                String::new(),
                "damaged".to_owned(),
                String::new(),
            ]
        }
        OfferedKey::Readable(record) => KeyView::new(&record.key, display.now)
            .with_use(summaries.next().flatten())
            .menu_item(&display),
    };
    candidates.iter().map(&mut item).collect()
}
