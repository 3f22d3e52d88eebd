//! Tables for people: as many columns as fit the terminal, one line per row.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Width};

use super::DisplayContext;
use crate::key::escape_controls;

/// Only this many rows determine the widths: a table of 100,000 rows would take 150 MB.
const MEASURED_ROWS: usize = 2000;

/// The gap between two columns.
const GAP: usize = 2;

/// The minimum width of a column that shrinks.
const MIN_WIDTH: usize = 16;

/// A column, and how it shrinks.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    /// When it shrinks: the highest first; 0 never.
    priority: u8,
    shrink: ColumnShrink,
    /// Whether its title includes the time zone.
    has_zone: bool,
}

/// How a column shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnShrink {
    /// It is hidden.
    Drop,
    /// It is truncated, or hidden if it would become too narrow.
    Cut,
    /// It is wrapped.
    Wrap,
    /// It moves to separate lines below its row.
    Below,
}

impl Column {
    const fn new(title: &'static str, priority: u8, shrink: ColumnShrink) -> Self {
        Self {
            title,
            priority,
            shrink,
            has_zone: false,
        }
    }

    /// A column that is always shown completely.
    pub const fn fixed(title: &'static str) -> Self {
        Self::new(title, 0, ColumnShrink::Drop)
    }

    /// A column of times, always shown completely.
    pub const fn moments(title: &'static str) -> Self {
        Self {
            has_zone: true,
            ..Self::fixed(title)
        }
    }

    /// A column that may be hidden.
    pub const fn dropped(title: &'static str, priority: u8) -> Self {
        Self::new(title, priority, ColumnShrink::Drop)
    }

    /// A column that may be truncated, then hidden.
    pub const fn cut(title: &'static str, priority: u8) -> Self {
        Self::new(title, priority, ColumnShrink::Cut)
    }

    /// A column that may be wrapped.
    pub const fn wrapped(title: &'static str, priority: u8) -> Self {
        Self::new(title, priority, ColumnShrink::Wrap)
    }

    /// A column that may move below its row.
    pub const fn below(title: &'static str, priority: u8) -> Self {
        Self::new(title, priority, ColumnShrink::Below)
    }

    /// Its heading: for times, including the time zone.
    pub(super) fn heading(&self, display: &DisplayContext) -> String {
        match self.has_zone {
            true => format!("{} ({})", self.title, display.zone_name()),
            false => self.title.to_owned(),
        }
    }

    /// A cell's text for a column of this width.
    fn fit(&self, text: &str, width: usize) -> String {
        match self.shrink {
            ColumnShrink::Wrap | ColumnShrink::Below => text.to_owned(),
            ColumnShrink::Cut | ColumnShrink::Drop => {
                console::truncate_str(text, width, "…").into_owned()
            }
        }
    }

    /// Its width after shrinking by `excess`, or as much as possible.
    fn shrunk(&self, width: usize, excess: usize) -> usize {
        let rest = width.saturating_sub(excess);
        match self.shrink {
            ColumnShrink::Wrap => rest.max(MIN_WIDTH.min(width)),
            ColumnShrink::Cut if rest >= MIN_WIDTH => rest,
            ColumnShrink::Cut | ColumnShrink::Drop | ColumnShrink::Below => 0,
        }
    }
}

/// A table whose first rows are collected to determine its widths.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    layout: Option<Layout>,
}

/// The widths of the columns; 0 if hidden or below their rows.
#[derive(Debug)]
struct Layout {
    widths: Vec<usize>,
    /// The column below its row, and its width there.
    below: Option<(usize, usize)>,
}

impl Table {
    pub(super) fn push(
        &mut self,
        columns: &[Column],
        row: Vec<String>,
        display: &DisplayContext,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let row = fit_to_show(&row);
        if let Some(layout) = &self.layout {
            return layout.write(columns, &row, out);
        }
        self.rows.push(row);
        if self.rows.len() < MEASURED_ROWS {
            return Ok(());
        }
        let titles = titles(columns, display);
        // A column that is empty so far may have content later.
        self.rows.push(titles.clone());
        let layout = Layout::fitted(columns, &self.rows, display);
        self.rows.pop();
        write_padded(columns, &titles, &layout.widths, out)?;
        for row in std::mem::take(&mut self.rows) {
            layout.write(columns, &row, out)?;
        }
        self.layout = Some(layout);
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        columns: &[Column],
        display: &DisplayContext,
        out: &mut impl Write,
    ) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        writeln!(out, "{}", render(columns, &self.rows, display))
    }
}

impl Table {
    /// The non-empty columns that did not fit.
    pub(super) fn hidden(&self, columns: &[Column], display: &DisplayContext) -> Vec<&'static str> {
        let widths = match &self.layout {
            Some(layout) => layout.widths.clone(),
            None => fitted(columns, &self.rows, display),
        };
        let has_text = |at: &usize| self.rows.iter().any(|row| !row[*at].is_empty());
        let hidden = (0..columns.len()).filter(|at| widths[*at] == 0);
        hidden
            .filter(has_text)
            .map(|at| columns[at].title)
            .collect()
    }
}

/// A row's cells with control characters escaped.
pub(super) fn fit_to_show(row: &[String]) -> Vec<String> {
    row.iter()
        .map(|cell| escape_controls(cell).into_owned())
        .collect()
}

/// A complete table; its cells must be escaped.
pub(super) fn render(columns: &[Column], rows: &[Vec<String>], display: &DisplayContext) -> String {
    let layout = Layout::fitted(columns, rows, display);
    let Some(below) = layout.below else {
        return layout.block(columns, true, rows, display);
    };
    let mut lines = vec![layout.block(columns, true, &[], display)];
    for row in rows {
        lines.push(layout.block(columns, false, std::slice::from_ref(row), display));
        lines.extend(lines_below(row, below));
    }
    lines.join("\n")
}

impl Layout {
    fn fitted(columns: &[Column], rows: &[Vec<String>], display: &DisplayContext) -> Self {
        let widths = fitted(columns, rows, display);
        let is_below = |at: &usize| {
            let has_text = rows.iter().any(|row| !row[*at].is_empty());
            columns[*at].shrink == ColumnShrink::Below && widths[*at] == 0 && has_text
        };
        let below = (0..columns.len()).find(is_below);
        let below = below.zip(display.width.map(usize::from));
        Self { widths, below }
    }

    /// The rows without the column below them.
    fn block(
        &self,
        columns: &[Column],
        has_titles: bool,
        rows: &[Vec<String>],
        display: &DisplayContext,
    ) -> String {
        let cells = |row: &[String]| -> Vec<Cell> {
            let visible = columns
                .iter()
                .zip(row)
                .zip(&self.widths)
                .filter(|(_, width)| **width > 0);
            visible
                .map(|((column, cell), width)| colored(column.fit(cell, *width)))
                .collect()
        };
        let mut table = comfy_table::Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic);
        if display.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if has_titles {
            let bold = |cell: Cell| cell.add_attribute(Attribute::Bold);
            table.set_header(cells(&titles(columns, display)).into_iter().map(bold));
        }
        table.add_rows(rows.iter().map(|row| cells(row)));
        set_widths(&mut table, &self.widths);
        table.trim_fmt()
    }

    /// One row, and the column below it.
    fn write(&self, columns: &[Column], row: &[String], out: &mut impl Write) -> io::Result<()> {
        write_padded(columns, row, &self.widths, out)?;
        let below = self.below.map(|below| lines_below(row, below));
        for line in below.into_iter().flatten() {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

/// A cell's text wrapped to a width.
fn lines_below(row: &[String], (column, width): (usize, usize)) -> Vec<String> {
    const INDENT: &str = "    ";
    let options = textwrap::Options::new(width)
        .initial_indent(INDENT)
        .subsequent_indent(INDENT);
    match row[column].is_empty() {
        true => Vec::new(),
        false => textwrap::fill(&row[column], options)
            .lines()
            .map(str::to_owned)
            .collect(),
    }
}

fn titles(columns: &[Column], display: &DisplayContext) -> Vec<String> {
    columns
        .iter()
        .map(|column| column.heading(display))
        .collect()
}

/// Pads the visible columns to their widths, with a gap after all but the last.
fn set_widths(table: &mut comfy_table::Table, widths: &[usize]) {
    let visible: Vec<usize> = widths.iter().copied().filter(|width| *width > 0).collect();
    for (at, column) in table.column_iter_mut().enumerate() {
        let gap = if at + 1 < visible.len() { GAP } else { 0 };
        column.set_padding((0, gap as u16));
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(
            (visible[at] + gap) as u16,
        )));
    }
}

/// A cell with its status word colored.
fn colored(text: String) -> Cell {
    let color = match text.strip_suffix(", default").unwrap_or(&text) {
        "active" => Some(comfy_table::Color::Green),
        "inactive" => Some(comfy_table::Color::Yellow),
        "expired" => Some(comfy_table::Color::Red),
        _ => None,
    };
    let cell = Cell::new(text);
    color.into_iter().fold(cell, Cell::fg)
}

/// The columns' widths; 0 for hidden ones, which are empty or do not fit.
fn fitted(columns: &[Column], rows: &[Vec<String>], display: &DisplayContext) -> Vec<usize> {
    let widest = |at: usize| rows.iter().map(|row| width(&row[at])).max().unwrap_or(0);
    let titles = titles(columns, display).into_iter().enumerate();
    let mut widths: Vec<usize> = titles
        .map(|(at, title)| match widest(at) {
            0 => 0,
            widest => widest.max(width(&title)),
        })
        .collect();
    let Some(room) = display.width.map(usize::from) else {
        return widths;
    };
    for priority in (1..=columns
        .iter()
        .map(|column| column.priority)
        .max()
        .unwrap_or(0))
        .rev()
    {
        let Some(excess) = total(&widths)
            .checked_sub(room)
            .filter(|&excess| excess > 0)
        else {
            break;
        };
        for (column, width) in columns
            .iter()
            .zip(&mut widths)
            .filter(|(column, _)| column.priority == priority)
        {
            *width = column.shrunk(*width, excess);
        }
    }
    widths
}

/// The width of a row with its gaps.
fn total(widths: &[usize]) -> usize {
    let visible = widths.iter().filter(|width| **width > 0);
    visible
        .map(|width| width + GAP)
        .sum::<usize>()
        .saturating_sub(GAP)
}

fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

fn write_padded(
    columns: &[Column],
    row: &[String],
    widths: &[usize],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut line = String::new();
    let visible = columns
        .iter()
        .zip(row)
        .zip(widths)
        .filter(|(_, room)| **room > 0);
    for ((column, cell), &room) in visible {
        let cell = column.fit(cell, room);
        line.push_str(&cell);
        line.extend(std::iter::repeat_n(
            ' ',
            room.saturating_sub(width(&cell)) + GAP,
        ));
    }
    writeln!(out, "{}", line.trim_end())
}

/// Aligned facts about one thing, one per line.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let widest = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line =
        |(name, value): &(&str, String)| format!("{name:widest$}  {}", escape_controls(value));
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}
