//! Tables for people: as many columns as the terminal has room for, one line a row.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ContentArrangement};

use super::Look;
use crate::key::escaped;

/// Beyond so many rows the widths of the first ones have to do: a table of 100,000 rows
/// would take 150 MB.
const MEASURED: usize = 2000;

/// The gap between two columns.
const GAP: usize = 2;

/// The least that is left of a column that may be cut.
const LEAST: usize = 12;

/// A column, and what becomes of it where there is too little room.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// When it is left out: the highest first; 0 stays.
    pub rank: u8,
    /// Whether it may be cut short.
    pub may_be_cut: bool,
}

impl Column {
    /// A column that is left out in the order of the ranks; rank 0 stays.
    pub const fn new(title: &'static str, rank: u8) -> Self {
        Self {
            title,
            rank,
            may_be_cut: false,
        }
    }

    /// A column that is cut short before it is left out.
    pub const fn cut(title: &'static str, rank: u8) -> Self {
        Self {
            title,
            rank,
            may_be_cut: true,
        }
    }
}

/// A table that is gathered until its widths are known.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
}

impl Table {
    pub(super) fn push(
        &mut self,
        columns: &[Column],
        row: Vec<String>,
        look: &Look,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let row: Vec<String> = row.iter().map(|cell| escaped(cell).into_owned()).collect();
        if let Some(widths) = &self.widths {
            return write_padded(&row, widths, out);
        }
        self.rows.push(row);
        if self.rows.len() < MEASURED {
            return Ok(());
        }
        let widths = fitted(columns, &self.rows, look.width);
        let titles: Vec<String> = columns
            .iter()
            .map(|column| column.title.to_owned())
            .collect();
        write_padded(&titles, &widths, out)?;
        for row in std::mem::take(&mut self.rows) {
            write_padded(&row, &widths, out)?;
        }
        self.widths = Some(widths);
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        columns: &[Column],
        look: &Look,
        out: &mut impl Write,
    ) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let widths = fitted(columns, &self.rows, look.width);
        let mut table = comfy_table::Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        if look.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let shown = |row: &[String]| -> Vec<Cell> {
            let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
            cells
                .map(|(cell, width)| colored(cut(cell, *width)))
                .collect()
        };
        let titles: Vec<String> = columns
            .iter()
            .map(|column| column.title.to_owned())
            .collect();
        table.set_header(
            shown(&titles)
                .into_iter()
                .map(|cell| cell.add_attribute(Attribute::Bold)),
        );
        for row in &self.rows {
            table.add_row(shown(row));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, GAP as u16));
        }
        writeln!(out, "{}", table.trim_fmt())
    }
}

/// A cell with the one word coloured that says how a key stands.
fn colored(text: String) -> Cell {
    let color = match text.as_str() {
        "active" => Some(comfy_table::Color::Green),
        "inactive" => Some(comfy_table::Color::Yellow),
        "expired" => Some(comfy_table::Color::Red),
        _ => None,
    };
    let cell = Cell::new(text);
    color.into_iter().fold(cell, Cell::fg)
}

/// The columns' widths; 0 for those that are left out, for want of room or of content.
fn fitted(columns: &[Column], rows: &[Vec<String>], room: Option<u16>) -> Vec<usize> {
    let mut widths: Vec<usize> = (0..columns.len())
        .map(
            |at| match rows.iter().map(|row| width(&row[at])).max().unwrap_or(0) {
                0 => 0,
                widest => widest.max(columns[at].title.len()),
            },
        )
        .collect();
    let Some(room) = room.map(usize::from) else {
        return widths;
    };
    for rank in (1..=columns.iter().map(|column| column.rank).max().unwrap_or(0)).rev() {
        let Some(excess) = total(&widths)
            .checked_sub(room)
            .filter(|&excess| excess > 0)
        else {
            break;
        };
        for (column, width) in columns
            .iter()
            .zip(&mut widths)
            .filter(|(column, _)| column.rank == rank)
        {
            let rest = width.saturating_sub(excess);
            *width = if column.may_be_cut && rest >= LEAST {
                rest
            } else {
                0
            };
        }
    }
    widths
}

/// How wide a row is, the gaps between its columns included.
fn total(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|width| **width > 0);
    shown
        .map(|width| width + GAP)
        .sum::<usize>()
        .saturating_sub(GAP)
}

fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

fn cut(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

fn write_padded(row: &[String], widths: &[usize], out: &mut impl Write) -> io::Result<()> {
    let mut line = String::new();
    for (cell, &room) in row.iter().zip(widths).filter(|(_, room)| **room > 0) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(
            ' ',
            room.saturating_sub(width(cell)) + GAP,
        ));
    }
    writeln!(out, "{}", line.trim_end())
}

/// Facts about one thing, a line each, aligned.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let widest = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| format!("{name:widest$}  {}", escaped(value));
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}
