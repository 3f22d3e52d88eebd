//! The output of a command, as it is reported: without secrets, and not too much of it.

use zeroize::Zeroizing;

use crate::key::Lines;

/// The longest line that is reported, in bytes.
const MAX_LINE: usize = 1000;

/// How many lines are reported.
pub(super) const MAX_LINES: usize = 100;

/// The output of a command, as it is reported.
pub(super) struct ChildOutput<'a> {
    report: &'a mut dyn FnMut(&str),
    /// The beginning of an incomplete line. It may contain the secret.
    line: Zeroizing<Vec<u8>>,
    lines: Lines,
    count: usize,
}

impl<'a> ChildOutput<'a> {
    pub(super) fn to(report: &'a mut dyn FnMut(&str)) -> Self {
        Self {
            report,
            line: Zeroizing::new(Vec::with_capacity(MAX_LINE)),
            lines: Lines::no_longer_than(MAX_LINE),
            count: 0,
        }
    }

    pub(super) fn read(&mut self, bytes: &[u8]) {
        // Of the unreported lines, only the last matters.
        let passed = match self.count > MAX_LINES {
            true => bytes.len().saturating_sub(MAX_LINE),
            false => 0,
        };
        for part in bytes[passed..].split_inclusive(|&byte| byte == b'\n') {
            for piece in part.strip_suffix(b"\n").unwrap_or(part).chunks(MAX_LINE) {
                if self.line.len() + piece.len() > MAX_LINE {
                    self.end_line();
                }
                self.line.extend_from_slice(piece);
            }
            if part.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let length = self.line.trim_ascii_end().len();
        self.line.truncate(length);
        if self.line.is_empty() {
            return;
        }
        self.count += 1;
        self.lines.push(&self.line);
        match self.count {
            ..=MAX_LINES => (self.report)(&self.lines.last()),
            count if count == MAX_LINES + 1 => (self.report)("further output omitted"),
            _ => {}
        }
        self.line.clear();
    }

    /// The last line, as the end of a sentence.
    pub(super) fn last_line(&mut self) -> String {
        self.end_line();
        match self.count {
            0 => String::new(),
            _ => format!(": {}", *self.lines.last()),
        }
    }
}
