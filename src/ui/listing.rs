//! Results of which there may be many: written as they come, in every format.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use super::table::{self, Table};
use super::{DisplayContext, Format, Output, Ui, csv, json, written};
use crate::error::Error;

/// How many bytes are gathered before they are written.
const BUFFER: usize = 64 << 10;

/// One result for programs: JSON by its `Serialize`, CSV by its fields.
pub trait Item: Serialize {
    /// The names of the CSV cells.
    const FIELDS: &'static [&'static str];

    /// The CSV cells; absent values are empty.
    fn fields(&self) -> Vec<String>;
}

/// One of many results, a row of a table for people.
pub trait Row: Item {
    /// The table's columns.
    const COLUMNS: &'static [super::table::Column];

    /// The row's cells.
    fn cells(&self, display: &DisplayContext) -> Vec<String>;
}

/// A listing under way.
pub struct Listing<'a> {
    out: BufWriter<Output>,
    format: Format,
    display: &'a DisplayContext,
    table: Table,
    count: usize,
    is_heard: bool,
}

impl Ui {
    /// Begins a listing.
    pub fn listing<'a>(&self, display: &'a DisplayContext) -> Listing<'a> {
        Listing {
            out: BufWriter::with_capacity(BUFFER, Output),
            format: self.format,
            display,
            table: Table::default(),
            count: 0,
            is_heard: true,
        }
    }

    /// Writes one result: an object in JSON, a line otherwise.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn result<T: Item>(&self, item: &T, text: &str) -> Result<(), Error> {
        match self.format {
            Format::Text | Format::Env | Format::Ics => self.print(&format!("{text}\n")),
            Format::Json | Format::Jsonl => self.print(&json::line(item)),
            Format::Csv => self.print(&csv_lines(item)),
        }
    }
}

/// One item as CSV, with its header.
pub(super) fn csv_lines<T: Item>(item: &T) -> String {
    csv::line(T::FIELDS) + &csv::line(&item.fields())
}

/// A whole table of a few results, to stand below something else.
pub(super) fn table_of<T: Row>(items: &[T], display: &DisplayContext) -> String {
    let rows: Vec<_> = items
        .iter()
        .map(|item| table::fit_to_show(&item.cells(display)))
        .collect();
    table::render(T::COLUMNS, &rows, display)
}

impl Listing<'_> {
    /// How many results there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether anybody still reads.
    pub fn is_heard(&self) -> bool {
        self.is_heard
    }

    /// Writes one more result.
    ///
    /// # Errors
    /// If it cannot be written; a reader who has gone is no error.
    pub fn push<T: Row>(&mut self, item: &T) -> Result<(), Error> {
        let result = match self.format {
            Format::Text | Format::Env | Format::Ics => self.push_text(item),
            Format::Json => self.push_json(item, if self.count == 0 { "[\n" } else { ",\n" }),
            Format::Jsonl => self
                .push_json(item, "")
                .and_then(|()| self.out.write_all(b"\n")),
            Format::Csv => self.push_csv(item),
        };
        self.count += 1;
        self.note_reader(result)
    }

    fn note_reader(&mut self, result: io::Result<()>) -> Result<(), Error> {
        self.is_heard &= result.is_ok();
        written(result)
    }

    fn push_json<T: Item>(&mut self, item: &T, before: &str) -> io::Result<()> {
        self.out.write_all(before.as_bytes())?;
        json::write(&mut self.out, item)
    }

    fn push_csv<T: Item>(&mut self, item: &T) -> io::Result<()> {
        if self.count == 0 {
            self.out.write_all(csv::line(T::FIELDS).as_bytes())?;
        }
        self.out.write_all(csv::line(&item.fields()).as_bytes())
    }

    fn push_text<T: Row>(&mut self, item: &T) -> io::Result<()> {
        self.table.push(
            T::COLUMNS,
            item.cells(self.display),
            self.display,
            &mut self.out,
        )
    }

    /// Ends the listing.
    ///
    /// # Errors
    /// If what is left cannot be written.
    pub fn finish<T: Row>(mut self) -> Result<(), Error> {
        let result = match (self.format, self.count) {
            (Format::Json, 0) => self.out.write_all(b"[]\n"),
            (Format::Json, _) => self.out.write_all(b"\n]\n"),
            (Format::Csv, 0) => self.out.write_all(csv::line(T::FIELDS).as_bytes()),
            (Format::Text, _) => self.table.finish(T::COLUMNS, self.display, &mut self.out),
            _ => Ok(()),
        };
        written(result.and_then(|()| self.out.flush()))
    }
}
