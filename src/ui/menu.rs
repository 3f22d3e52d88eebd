//! Menus for choosing one of several items.

use console::{Alignment, Term, pad_str};
use dialoguer::theme::Theme;
use dialoguer::{FuzzySelect, Select};

use super::Ui;
use super::prompt::unreadable;
use super::terminal::Guard;
use crate::error::Error;
use crate::key::escape_controls;
use crate::process;

/// How many items are listed above a prompt without a menu.
const MAX_LISTED: usize = 50;

/// How many items of a menu are visible at once.
const VISIBLE: usize = 10;

/// The gap between two columns.
const GAP: usize = 2;

/// The space before and after an item.
const MARGIN: usize = 3;

/// The minimum width of the first column.
const MIN_WIDTH: usize = 16;

/// An item's cells; the first one is the word by which it can be chosen.
pub type MenuItem = Vec<String>;

impl Ui {
    /// Lets the user choose one of a few items; `None` on Escape.
    pub fn choose(&self, question: &str, items: &[MenuItem]) -> Result<Option<usize>, Error> {
        self.choose_by_cursor(question, items, |theme, lines| {
            let select = Select::with_theme(theme).with_prompt(question);
            select.items(lines).default(0).interact_opt()
        })
    }

    /// Lets the user choose one of many items by typing part of it; `None` on Escape.
    pub fn search(&self, question: &str, items: &[MenuItem]) -> Result<Option<usize>, Error> {
        self.choose_by_cursor(question, items, |theme, lines| {
            let select = FuzzySelect::with_theme(theme).with_prompt(question);
            let select = select.items(lines).default(0);
            select.max_length(VISIBLE).interact_opt()
        })
    }

    /// Runs a menu of the items, or asks for a number if the terminal has no cursor movement.
    fn choose_by_cursor(
        &self,
        question: &str,
        items: &[MenuItem],
        choose: impl FnOnce(&dyn Theme, Vec<String>) -> dialoguer::Result<Option<usize>>,
    ) -> Result<Option<usize>, Error> {
        if process::is_dumb_terminal() {
            return self.choose_by_number(question, items);
        }
        let _guard = Guard::new().map_err(|error| unreadable(&error))?;
        choose(&*self.theme(), lines(items, item_width())).map_err(from_dialoguer)
    }

    /// The same without cursor movement: the items are numbered, and a number or an item's word is
    /// typed; `None` on an empty line or the end of input.
    fn choose_by_number(&self, question: &str, items: &[MenuItem]) -> Result<Option<usize>, Error> {
        for (at, line) in lines(items, item_width())
            .iter()
            .enumerate()
            .take(MAX_LISTED)
        {
            self.say_row(&format!("{:>3}  {line}", at + 1));
        }
        loop {
            let answer = self.line(question)?;
            let Some(answer) = answer.filter(|answer| !answer.is_empty()) else {
                return Ok(None);
            };
            let is_it = |item: &MenuItem| item[0].eq_ignore_ascii_case(&answer);
            let number = || {
                answer
                    .parse()
                    .ok()
                    .filter(|at| (1..=items.len()).contains(at))
            };
            match items.iter().position(is_it).or_else(|| Some(number()? - 1)) {
                Some(chosen) => return Ok(Some(chosen)),
                None => self.error(
                    &Error::usage("no such choice")
                        .with_hint("type a number or a name; leave empty to cancel"),
                ),
            }
        }
    }
}

/// The width of an item, in columns.
fn item_width() -> usize {
    usize::from(Term::stderr().size().1).saturating_sub(MARGIN)
}

/// The items, one per line, with aligned columns; the first column shrinks if necessary.
fn lines(items: &[MenuItem], item_width: usize) -> Vec<String> {
    let items: Vec<MenuItem> = items.iter().map(escaped).collect();
    let columns = items.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        let cells = items.iter().filter_map(|item| item.get(column));
        cells
            .map(|cell| console::measure_text_width(cell))
            .max()
            .unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..columns).map(widest).collect();
    if let Some((first, others)) = widths.split_first_mut() {
        let others = others.iter().filter(|width| **width > 0);
        let others: usize = others.map(|width| width + GAP).sum();
        *first = (*first).min(item_width.saturating_sub(others).max(MIN_WIDTH));
    }
    items
        .iter()
        .map(|item| line(item, &widths, item_width))
        .collect()
}

fn escaped(item: &MenuItem) -> MenuItem {
    item.iter()
        .map(|cell| escape_controls(cell).into_owned())
        .collect()
}

fn line(cells: &MenuItem, widths: &[usize], item_width: usize) -> String {
    let displayed = cells.iter().zip(widths).filter(|(_, width)| **width > 0);
    let padded = displayed.map(|(cell, &width)| pad_str(cell, width, Alignment::Left, Some("…")));
    let line = padded.collect::<Vec<_>>().join(&" ".repeat(GAP));
    console::truncate_str(line.trim_end(), item_width, "…").into_owned()
}

fn from_dialoguer(error: dialoguer::Error) -> Error {
    let dialoguer::Error::IO(error) = error;
    unreadable(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn displayed(items: &[&[&str]], item_width: usize) -> Vec<String> {
        let item = |cells: &&[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        lines(&items.iter().map(item).collect::<Vec<_>>(), item_width)
    }

    #[test]
    fn cells_are_aligned_and_the_first_column_shrinks() {
        let long = "n".repeat(64);
        let items: &[&[&str]] = &[
            &["web", "api", "active", "used just now"],
            &[&long, "smtp", "inactive", "never used"],
        ];
        assert_eq!(
            displayed(items, 77),
            [
                format!("web{}  api   active    used just now", " ".repeat(43)),
                format!("{}…  smtp  inactive  never used", "n".repeat(45)),
            ]
        );
        for item_width in [10, 20, 40, 77, 200] {
            let lines = displayed(items, item_width);
            assert!(lines.iter().all(|line| line.chars().count() <= item_width));
            assert!(lines[0].starts_with("web"), "{lines:?}");
        }
    }

    #[test]
    fn empty_columns_are_hidden_and_control_characters_escaped() {
        let items: &[&[&str]] = &[&["a\x1b[2J", "", "x"], &["b", "", "y"]];
        assert_eq!(displayed(items, 77), ["a\\u{1b}[2J  x", "b           y"]);
        assert!(displayed(&[], 77).is_empty());
    }
}
