//! Markdown (CommonMark with GitHub's tables). Untrusted text is only inserted as code: it cannot
//! create structure, and is safe on a terminal, too.

use std::fmt::Write;

use crate::key::{escape_controls, redact_secrets};

/// A document in progress.
#[derive(Debug, Default)]
pub(super) struct Document(String);

impl Document {
    /// Begins a section; its title must be trusted text.
    pub(super) fn heading(&mut self, level: usize, title: &str) {
        self.begin_block();
        let _ = writeln!(self.0, "{} {title}", "#".repeat(level));
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.begin_block();
        let _ = writeln!(self.0, "{text}");
    }

    /// A list with checkboxes, one line each.
    pub(super) fn tasks(&mut self, tasks: &[(bool, String)]) {
        self.begin_block();
        for (is_done, task) in tasks {
            let mark = if *is_done { 'x' } else { ' ' };
            let _ = writeln!(self.0, "- [{mark}] {task}");
        }
    }

    /// A table; its cells must be escaped.
    pub(super) fn table<const N: usize>(&mut self, titles: [&str; N], rows: &[[String; N]]) {
        self.begin_block();
        self.0 += &row(titles.map(str::to_owned));
        self.0 += &rule(N);
        for cells in rows {
            self.0 += &row(cells.iter().cloned());
        }
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn begin_block(&mut self) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
    }
}

/// A row of a table; its cells must be escaped.
pub(super) fn row(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The line below the titles of a table.
pub(super) fn rule(columns: usize) -> String {
    format!("|{}\n", "---|".repeat(columns))
}

/// Untrusted text as a cell: plain if nothing in it can mean anything to Markdown.
pub(super) fn cell(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-: ".contains(letter);
    match text.chars().all(is_plain) {
        true => text.trim().to_owned(),
        false => code(text),
    }
}

/// Untrusted text as code, on one line and safe in a table: without secrets, without control
/// characters, and without the two characters that could end the code or the cell.
pub(super) fn code(text: &str) -> String {
    if text.is_empty() {
        return "–".to_owned();
    }
    let text = redact_secrets(text);
    let text = escape_controls(&text)
        .replace('`', "\\u{60}")
        .replace('|', "\\u{7c}");
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::is_hidden;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    /// How a parser reads a table of one row with this in its cells, without the texts.
    fn structure(cell: &str) -> Vec<String> {
        let mut document = Document::default();
        document.heading(1, &format!("Key {}", code(cell)));
        document.table(["A", "B"], &[[code(cell), code(cell)]]);
        document.tasks(&[(false, format!("look at {}", code(cell)))]);
        let text = document.finish();
        assert!(!text.replace('\n', "").chars().any(is_hidden));
        let told = |event: Event<'_>| match event {
            Event::Code(_) => "code".to_owned(),
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => "link".to_owned(),
            event => format!("{event:?}"),
        };
        Parser::new_ext(&text, Options::all()).map(told).collect()
    }

    #[test]
    fn harmless_untrusted_text_is_shown_unchanged() {
        assert_eq!(code("the *web* <shop>"), "`the *web* <shop>`");
        assert_eq!(code("a`|b\nc"), "`a\\u{60}\\u{7c}b\\u{a}c`");
        assert_eq!(code(""), "–");
        assert_eq!(cell("2026-11-03: 41"), "2026-11-03: 41");
        assert_eq!(cell("www.example.com"), "`www.example.com`");
        assert_eq!(cell(""), "");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_structure_of_its_own(
            text in prop_oneof![any::<String>(), "[ `|\\\\<>*_\\[\\]()!#:/a~$&;\n-]{1,40}"],
        ) {
            prop_assume!(!text.is_empty());
            prop_assert_eq!(structure(&text), structure("plain"));
        }

        #[test]
        fn no_cell_makes_a_structure_of_its_own(text in "[ `|\\\\<>*_\\[\\]()!#:/a~$&;\n.w-]{1,40}") {
            let text = row(["A".to_owned()]) + &rule(1) + &row([cell(&text)]);
            let rows = Parser::new_ext(&text, Options::all()).filter(|event| {
                matches!(event, Event::Start(Tag::TableRow | Tag::Link { .. } | Tag::Emphasis | Tag::Strong))
            });
            prop_assert_eq!(rows.count(), 1, "{}", text);
        }
    }
}
