//! Man pages made from the guides in Markdown.

use clap_mangen::roff::{Inline, Roff, bold, italic, line_break, roman};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The man page of a guide.
pub fn page(name: &str, section: &str, text: &str, see_also: &[String]) -> String {
    let mut page = Page::default();
    let source = concat!("postkey ", env!("CARGO_PKG_VERSION"));
    let title = format!("postkey-{name}");
    page.roff.control("TH", [&*title, section, "", source]);
    // Commands are neither wrapped nor justified.
    page.roff.control("nh", []).control("ad", ["l"]);
    page.roff.control("SH", ["NAME"]);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        page.add(&title, event);
    }
    page.roff.control("SH", ["SEE ALSO"]);
    page.roff.text(references(see_also));
    escape(&page.roff.render())
}

/// Names of pages with their sections, as `SEE ALSO` has them.
pub fn references(pages: &[String]) -> Vec<Inline> {
    let mut line = Vec::new();
    for page in pages {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        let (name, section) = page.split_once('(').unwrap();
        line.extend([bold(name), roman(format!("({section}"))]);
    }
    line
}

/// A terminal would show typographic characters instead of these.
fn escape(page: &str) -> String {
    page.replace('`', r"\(ga")
        .replace('^', r"\(ha")
        .replace('~', r"\(ti")
}

#[derive(Default)]
struct Page {
    roff: Roff,
    /// The text of the current paragraph, heading or cell.
    line: Vec<Inline>,
    font: Font,
    /// The header of a table, and the cells of the current row.
    header: Vec<Vec<Inline>>,
    row: Vec<Vec<Inline>>,
    is_code: bool,
    /// The target of a link that has no man page.
    url: Option<String>,
}

#[derive(Clone, Copy, Default)]
enum Font {
    #[default]
    Roman,
    Bold,
    Italic,
}

impl Page {
    fn add(&mut self, title: &str, event: Event) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(title, tag),
            Event::Text(text) if self.is_code => self.code(&text),
            Event::Text(text) => self.line.push(self.inline(&text)),
            Event::Code(text) => self.line.push(bold(&*text)),
            Event::SoftBreak => self.line.push(roman(" ")),
            other => panic!("{title}: no man page can have {other:?}"),
        }
    }

    fn start(&mut self, tag: &Tag) {
        match tag {
            Tag::CodeBlock(CodeBlockKind::Fenced(_)) => {
                self.is_code = true;
                self.roff
                    .control("PP", [])
                    .control("RS", ["4"])
                    .control("nf", []);
            }
            Tag::Item => {
                self.roff.control("IP", [r"\(bu", "2"]);
            }
            Tag::Strong => self.font = Font::Bold,
            Tag::Emphasis => self.font = Font::Italic,
            Tag::Link { dest_url, .. } if dest_url.contains("://") => {
                self.url = Some(dest_url.to_string());
            }
            Tag::Link { .. } => self.font = Font::Bold,
            Tag::Heading { .. } | Tag::Paragraph | Tag::List(None) | Tag::Table(_) => {}
            Tag::TableHead | Tag::TableRow | Tag::TableCell => {}
            other => panic!("no man page can have {other:?}"),
        }
    }

    fn end(&mut self, title: &str, tag: TagEnd) {
        match tag {
            TagEnd::Heading(HeadingLevel::H1) => self.name(title),
            TagEnd::Heading(level) => {
                let name = if level == HeadingLevel::H2 {
                    "SH"
                } else {
                    "SS"
                };
                let heading = plain(&std::mem::take(&mut self.line));
                self.roff.control(name, [&*heading]);
            }
            TagEnd::Paragraph => {
                self.roff.control("PP", []);
                self.flush();
            }
            TagEnd::Item => self.flush(),
            TagEnd::CodeBlock => {
                self.is_code = false;
                self.roff.control("fi", []).control("RE", []);
            }
            TagEnd::Strong | TagEnd::Emphasis => self.font = Font::Roman,
            TagEnd::Link => self.end_link(),
            TagEnd::TableCell => self.row.push(std::mem::take(&mut self.line)),
            TagEnd::TableHead => self.header = std::mem::take(&mut self.row),
            TagEnd::TableRow => self.table_row(),
            _ => {}
        }
    }

    /// The title becomes the description, and the rest the page.
    fn name(&mut self, title: &str) {
        let about = plain(&std::mem::take(&mut self.line));
        self.roff
            .text([roman(format!("{title} ")), roman("- "), roman(about)]);
        self.roff.control("SH", ["DESCRIPTION"]);
    }

    fn end_link(&mut self) {
        self.font = Font::Roman;
        if let Some(url) = self.url.take() {
            self.line.push(roman(format!(" <{url}>")));
        }
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.roff.text(line);
        }
    }

    fn code(&mut self, text: &str) {
        for line in text.lines() {
            self.roff.text([roman(line)]);
        }
    }

    /// A row as a term and its definition, with column names if there are several.
    fn table_row(&mut self) {
        let mut cells = std::mem::take(&mut self.row).into_iter();
        let mut text = Vec::new();
        self.roff.control("TP", []);
        self.roff.text(cells.next().unwrap());
        let is_list = self.header.len() == 2;
        for (header, cell) in self.header[1..].iter().zip(cells) {
            if cell.is_empty() {
                continue;
            }
            if !text.is_empty() {
                text.push(line_break());
            }
            if !is_list {
                text.push(roman(format!("{}: ", plain(header))));
            }
            text.extend(cell);
        }
        self.roff.text(text);
    }

    fn inline(&self, text: &str) -> Inline {
        match self.font {
            Font::Roman => roman(text),
            Font::Bold => bold(text),
            Font::Italic => italic(text),
        }
    }
}

/// The text of a line without its fonts.
fn plain(line: &[Inline]) -> String {
    let parts = line.iter().map(|inline| match inline {
        Inline::Roman(text) | Inline::Bold(text) | Inline::Italic(text) => &**text,
        Inline::LineBreak => " ",
    });
    parts.collect()
}
