//! The menu of the keys of a vault, for a command that names none.

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

/// What is asked where no key is named, and which keys are offered.
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

/// A key of the menu; one that is damaged can still be named.
enum OfferedKey {
    Whole(Record),
    Damaged(KeyName),
}

impl OfferedKey {
    fn name(&self) -> &KeyName {
        match self {
            Self::Whole(record) => &record.key.name,
            Self::Damaged(name) => name,
        }
    }

    fn record(&self) -> Option<&Record> {
        match self {
            Self::Whole(record) => Some(record),
            Self::Damaged(_) => None,
        }
    }
}

/// Lets a key be chosen; `None` if the person who was asked chose none.
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

/// Asks for the name where too many keys would be offered.
fn ask_name(question: KeyPrompt, context: &Context) -> Result<Option<KeyName>, Error> {
    let answer = context
        .ui
        .line(question.text)?
        .filter(|answer| !answer.is_empty());
    Ok(answer.map(|answer| answer.parse()).transpose()?)
}

/// The keys to offer in the order of their names, those that are damaged last; of too many at
/// least one more than are offered.
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
    let whole: HashSet<String> = records
        .iter()
        .map(|record| record.key.name.folded())
        .collect();
    names.retain(|name| !whole.contains(&name.folded()));
    let whole = records.into_iter().map(OfferedKey::Whole);
    Ok(whole
        .chain(names.into_iter().map(OfferedKey::Damaged))
        .collect())
}

/// The keys that can be read and that the command has something to do to.
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
        OfferedKey::Whole(record) => KeyView::new(&record.key, display.now)
            .with_use(summaries.next().flatten())
            .menu_item(&display),
    };
    candidates.iter().map(&mut item).collect()
}
