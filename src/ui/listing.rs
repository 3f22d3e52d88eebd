//! Lists of results, written as they come, in every format.

use std::io::{self, BufWriter, Write};

use serde::{Serialize, Serializer};
use serde_json::Value;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::output::{Output, ignore_closed_pipe};
use super::table::{self, Column, Table};
use super::{DisplayContext, Format, Ui, csv, json, markdown};
use crate::error::Error;

/// How many bytes are buffered.
const BUFFER: usize = 64 << 10;

/// One result for programs: JSON by its `Serialize`, of whose fields those that it lists are the CSV
/// cells.
pub trait Item: Serialize + FieldNamesAsSlice {
    /// The CSV cell of a field that has another text there than in JSON.
    fn cell(&self, _field: &str) -> Option<String> {
        None
    }
}

/// A result that can be listed; for people it is a row of a table.
pub trait Row: Item {
    /// The table's columns.
    const COLUMNS: &'static [Column];

    /// The row's cells.
    fn cells(&self, display: &DisplayContext) -> Vec<String>;
}

/// A list in progress.
pub struct Listing<'a> {
    out: BufWriter<Box<dyn Write + 'a>>,
    format: Format,
    display: &'a DisplayContext,
    table: Table,
    count: usize,
    is_connected: bool,
    /// The selected fields; all if `None`.
    fields: Option<FieldSelection>,
}

/// The selected fields, in this order.
struct FieldSelection {
    names: Vec<&'static str>,
    columns: Vec<Column>,
}

/// The selected fields of an item, in JSON.
struct SelectedFields<'a> {
    item: Value,
    names: &'a [&'static str],
}

impl Serialize for SelectedFields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().map(|name| (name, &self.item[*name])))
    }
}

impl Ui {
    /// Begins a list.
    pub fn listing<'a>(&self, display: &'a DisplayContext) -> Listing<'a> {
        self.listing_into(display, Output)
    }

    /// Begins a list that is written to `out`, not to standard output.
    pub fn listing_into<'a>(
        &self,
        display: &'a DisplayContext,
        out: impl Write + 'a,
    ) -> Listing<'a> {
        Listing {
            out: BufWriter::with_capacity(BUFFER, Box::new(out)),
            format: self.format,
            display,
            table: Table::default(),
            count: 0,
            is_connected: true,
            fields: None,
        }
    }

    /// Writes one result: an object in JSON, a line otherwise.
    pub fn result<T: Item>(&self, item: &T, text: &str) -> Result<(), Error> {
        match self.format {
            Format::Text | Format::Env | Format::Ics | Format::Prometheus | Format::Markdown => {
                self.print(&format!("{text}\n"))
            }
            Format::Json | Format::Jsonl => self.print(&json::line(item)),
            Format::Csv => self.print(&csv_lines(item)),
        }
    }
}

/// A single item as CSV, with its header.
pub(super) fn csv_lines<T: Item>(item: &T) -> String {
    csv::line(T::FIELD_NAMES_AS_SLICE) + &csv::line(&cells(item, T::FIELD_NAMES_AS_SLICE))
}

/// The CSV cells of some of an item's fields, or of its key's where it has none of that name; absent
/// values are empty.
fn cells<T: Item>(item: &T, fields: &[&str]) -> Vec<String> {
    let json = serde_json::to_value(item).expect("a view is an object of plain values");
    let value = |field: &str| json.get(field).or_else(|| json["key"].get(field));
    let cell = |field: &&str| item.cell(field).or_else(|| value(field).map(text));
    fields
        .iter()
        .map(|field| cell(field).unwrap_or_default())
        .collect()
}

/// A JSON value as the text of a cell.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Object(values) => {
            let values = values.iter();
            let values = values.map(|(name, value)| format!("{name}={}", text(value)));
            values.collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

/// A complete table of a few results, for use below other text.
pub(super) fn table_of<T: Row>(items: &[T], display: &DisplayContext) -> String {
    let rows: Vec<_> = items
        .iter()
        .map(|item| table::fit_to_show(&item.cells(display)))
        .collect();
    table::render(T::COLUMNS, &rows, display)
}

impl Listing<'_> {
    /// The same with selected fields; all if none are given.
    pub fn of_fields(mut self, fields: Vec<&'static str>) -> Self {
        self.fields = (!fields.is_empty()).then(|| FieldSelection {
            columns: fields.iter().copied().map(Column::fixed).collect(),
            names: fields,
        });
        self
    }

    /// The non-empty columns that did not fit.
    pub fn hidden_columns<T: Row>(&self) -> Vec<&'static str> {
        match &self.fields {
            None => self.table.hidden(T::COLUMNS, self.display),
            Some(_) => Vec::new(),
        }
    }

    /// The number of results.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the reader is still there.
    pub fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Writes one more result.
    ///
    /// # Errors
    /// If it cannot be written; a closed pipe is not an error.
    pub fn push<T: Row>(&mut self, item: &T) -> Result<(), Error> {
        let result = match self.format {
            Format::Text | Format::Env | Format::Ics | Format::Prometheus => self.push_text(item),
            Format::Markdown => self.push_markdown(item),
            _ => self.push_for_programs(item),
        };
        self.count += 1;
        self.note_reader(result)
    }

    /// Writes one more result; for people, as this text, with an empty line before it.
    pub fn push_facts<T: Item>(&mut self, item: &T, text: &str) -> Result<(), Error> {
        let before = if self.count == 0 { "" } else { "\n" };
        let result = match self.format {
            Format::Text | Format::Env | Format::Ics | Format::Prometheus => {
                writeln!(self.out, "{before}{text}")
            }
            _ => self.push_for_programs(item),
        };
        self.count += 1;
        self.note_reader(result)
    }

    /// Writes one more result, as a line that is the same in every format.
    pub fn push_line(&mut self, line: &str) -> Result<(), Error> {
        self.count += 1;
        let result = writeln!(self.out, "{line}");
        self.note_reader(result)
    }

    fn push_for_programs<T: Item>(&mut self, item: &T) -> io::Result<()> {
        match self.format {
            Format::Json => self.push_json(item, if self.count == 0 { "[\n" } else { ",\n" }),
            Format::Csv => self.push_csv(item),
            _ => {
                self.push_json(item, "")?;
                self.out.write_all(b"\n")
            }
        }
    }

    fn note_reader(&mut self, result: io::Result<()>) -> Result<(), Error> {
        self.is_connected &= result.is_ok();
        ignore_closed_pipe(result)
    }

    fn push_json<T: Item>(&mut self, item: &T, before: &str) -> io::Result<()> {
        self.out.write_all(before.as_bytes())?;
        let Some(FieldSelection { names, .. }) = &self.fields else {
            return json::write(&mut self.out, item);
        };
        let item = serde_json::to_value(item)?;
        json::write(&mut self.out, &SelectedFields { item, names })
    }

    /// The names of the wanted fields.
    fn names<T: Item>(&self) -> &[&'static str] {
        let fields = self.fields.as_ref();
        fields.map_or(T::FIELD_NAMES_AS_SLICE, |fields| &fields.names)
    }

    fn header<T: Item>(&self) -> String {
        csv::line(self.names::<T>())
    }

    fn push_csv<T: Item>(&mut self, item: &T) -> io::Result<()> {
        if self.count == 0 {
            self.out.write_all(self.header::<T>().as_bytes())?;
        }
        let cells = cells(item, self.names::<T>());
        self.out.write_all(csv::line(&cells).as_bytes())
    }

    fn push_text<T: Row>(&mut self, item: &T) -> io::Result<()> {
        let (columns, cells) = match &self.fields {
            None => (T::COLUMNS, item.cells(self.display)),
            Some(fields) => (&*fields.columns, cells(item, &fields.names)),
        };
        self.table.push(columns, cells, self.display, &mut self.out)
    }

    fn push_markdown<T: Row>(&mut self, item: &T) -> io::Result<()> {
        if self.count == 0 {
            let titles = T::COLUMNS.iter().map(|column| column.heading(self.display));
            let titles = markdown::row(titles) + &markdown::rule(T::COLUMNS.len());
            self.out.write_all(titles.as_bytes())?;
        }
        let cells = item.cells(self.display);
        let cells = cells.iter().map(|cell| markdown::cell(cell));
        self.out.write_all(markdown::row(cells).as_bytes())
    }

    /// Ends a list of lines.
    pub fn finish_lines(mut self) -> Result<(), Error> {
        ignore_closed_pipe(self.out.flush())
    }

    /// Ends a list of facts.
    pub fn finish_facts<T: Item>(mut self) -> Result<(), Error> {
        let result = match (self.format, self.count) {
            (Format::Json, 0) => self.out.write_all(b"[]\n"),
            (Format::Json, _) => self.out.write_all(b"\n]\n"),
            (Format::Csv, 0) => self.out.write_all(self.header::<T>().as_bytes()),
            _ => Ok(()),
        };
        ignore_closed_pipe(result.and_then(|()| self.out.flush()))
    }

    /// Ends the list.
    pub fn finish<T: Row>(mut self) -> Result<(), Error> {
        if self.format == Format::Text {
            let fields = self.fields.as_ref();
            let columns = fields.map_or(T::COLUMNS, |fields| &fields.columns);
            let result = self.table.finish(columns, self.display, &mut self.out);
            ignore_closed_pipe(result)?;
        }
        self.finish_facts::<T>()
    }
}
