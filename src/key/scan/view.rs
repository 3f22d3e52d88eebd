//! A text as it reads once what was put into it on its way is undone: line breaks, blanks, escapes,
//! colours, marks of mail and diffs.
//!
//! None of that can be a part of a secret, or of one in base64, so that undoing too much hides
//! none. Only a `-` at the beginning of a line, and a soft hyphen, may or may not be one.

use std::ops::Range;

use zeroize::Zeroizing;

use super::escape::{self, Unit};

/// What a `-` that begins a line and a soft hyphen are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// A dash that is a part of the text.
    Dashes,
    /// A mark that is none.
    Dropped,
}

/// The longest control sequence of a terminal that is looked for.
const LONGEST_SEQUENCE: u8 = 32;

/// The text, and where in the original each part of it was.
#[derive(Debug, Default)]
pub(super) struct View {
    bytes: Zeroizing<Vec<u8>>,
    runs: Vec<Run>,
    has_marks: bool,
}

/// A part that stands in the original as it is here, or one character that was escaped.
#[derive(Debug)]
struct Run {
    start: usize,
    /// Where it begins in the original.
    raw: usize,
    /// How many bytes of the original a character of it takes.
    width: usize,
}

impl View {
    /// A view that can hold so many bytes and never moves, so that no copy of a secret is left.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Zeroizing::new(Vec::with_capacity(capacity)),
            ..Self::default()
        }
    }

    /// The view of one text.
    pub(super) fn of(raw: &[u8], marks: Marks) -> Self {
        let mut view = Self::with_capacity(raw.len());
        view.fill(raw, marks);
        view
    }

    /// Becomes the view of a text that is no longer than the capacity.
    pub(super) fn fill(&mut self, raw: &[u8], marks: Marks) {
        self.bytes.clear();
        self.runs.clear();
        self.has_marks = false;
        let mut writer = Writer {
            view: self,
            marks,
            is_line_start: true,
            sequence: Sequence::None,
        };
        writer.write(raw);
        let start = self.bytes.len();
        let (raw, width) = (raw.len(), 0);
        self.runs.push(Run { start, raw, width });
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether something was read that reads otherwise with other [`Marks`].
    pub(super) fn has_marks(&self) -> bool {
        self.has_marks
    }

    /// Where in the original a place is.
    pub(super) fn raw_at(&self, place: usize) -> usize {
        self.raw_of(place).start
    }

    /// Where in the original a part is that is not empty.
    pub(super) fn raw_range(&self, part: Range<usize>) -> Range<usize> {
        let last = part.end.min(self.bytes.len()).max(part.start + 1) - 1;
        self.raw_at(part.start)..self.raw_of(last).end
    }

    fn raw_of(&self, place: usize) -> Range<usize> {
        let run = self.runs.partition_point(|run| run.start <= place);
        let Some(run) = run.checked_sub(1).map(|run| &self.runs[run]) else {
            return 0..0;
        };
        let start = run.raw + (place - run.start);
        start..start + run.width
    }

    fn push(&mut self, bytes: &[u8], raw: usize, width: usize) {
        let start = self.bytes.len();
        let goes_on = |run: &Run| run.width == 1 && run.raw + (start - run.start) == raw;
        if width != 1 || !self.runs.last().is_some_and(goes_on) {
            self.runs.push(Run { start, raw, width });
        }
        self.bytes.extend_from_slice(bytes);
    }
}

/// How much of a terminal's control sequence was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sequence {
    None,
    Begun,
    /// What chooses a character set is one character more.
    Charset,
    /// So many characters of its parameters.
    Parameters(u8),
}

struct Writer<'a> {
    view: &'a mut View,
    marks: Marks,
    is_line_start: bool,
    sequence: Sequence,
}

impl Writer<'_> {
    fn write(&mut self, raw: &[u8]) {
        let mut at = 0;
        while at < raw.len() {
            if !self.is_line_start && self.sequence == Sequence::None {
                let run = raw[at..].iter().take_while(|&&byte| is_plain(byte)).count();
                if run > 0 {
                    self.view.push(&raw[at..at + run], at, 1);
                    at += run;
                    continue;
                }
            }
            let (unit, length) = escape::unit(raw, at);
            match unit {
                Unit::Byte(byte) => self.byte(byte, at, length),
                Unit::SoftHyphen => self.mark(at, length),
                Unit::Nothing => {}
            }
            at += length;
        }
    }

    fn byte(&mut self, byte: u8, raw: usize, width: usize) {
        if self.sequence != Sequence::None && self.is_in_sequence(byte) {
            return;
        }
        match byte {
            0x1b => self.sequence = Sequence::Begun,
            b'\n' | b'\r' => self.is_line_start = true,
            b'\0' | b'\t' | 0x0b | 0x0c | b' ' => {}
            b'>' | b'+' | b'|' | b'#' | b'*' | b'/' | b';' if self.is_line_start => {}
            b'-' if self.is_line_start => {
                self.is_line_start = false;
                self.mark(raw, width);
            }
            // The lower half of a hyphen in UTF-16 (U+2010 to U+2013), whose upper half is a blank.
            0x10..=0x13 => self.view.push(b"-", raw, width),
            _ => {
                self.is_line_start = false;
                self.view.push(&[byte], raw, width);
            }
        }
    }

    fn mark(&mut self, raw: usize, width: usize) {
        self.view.has_marks = true;
        if self.marks == Marks::Dashes {
            self.view.push(b"-", raw, width);
        }
    }

    /// Whether a byte belongs to the control sequence that was begun.
    fn is_in_sequence(&mut self, byte: u8) -> bool {
        let (next, belongs) = match (self.sequence, byte) {
            (Sequence::Begun, b'[') => (Sequence::Parameters(0), true),
            (Sequence::Begun, b'(') => (Sequence::Charset, true),
            (Sequence::Charset, _) => (Sequence::None, true),
            (Sequence::Parameters(count), b' '..=b'?') if count < LONGEST_SEQUENCE => {
                (Sequence::Parameters(count + 1), true)
            }
            // No sequence of colours ends in the letter that a secret begins with.
            (Sequence::Parameters(_), b'@'..=b'~') => (Sequence::None, byte != b'x'),
            _ => (Sequence::None, false),
        };
        self.sequence = next;
        belongs
    }
}

/// Whether a byte stands for itself, except at the beginning of a line.
fn is_plain(byte: u8) -> bool {
    const PLAIN: [bool; 256] = {
        let mut plain = [true; 256];
        let special = *b"\0\t\n\x0b\x0c\r\x10\x11\x12\x13\x1b %&=\\\x96\xad\xc2\xe2\xef";
        let mut at = 0;
        while at < special.len() {
            plain[special[at] as usize] = false;
            at += 1;
        }
        plain
    };
    PLAIN[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_put_into_a_text_is_undone() {
        for (raw, plain) in [
            ("a b\r\n c", "abc"),
            ("a\x1b[01;31mb\x1b[m\x1b[Kc\x1b(B", "abc"),
            ("\\u001b[31ma\\u001b[0m", "a"),
            ("a%2Db%2dc%252Dd%25252de%", "a-b-c-d-e%"),
            (
                "a%E2%80%91b=E2=80=91c\u{2011}d\\u2011e\\u{2212}f",
                "a-b-c-d-e-f",
            ),
            ("a\\u002db\\\\u002Dc\\x2dd\\ne\\tf\\g", "a-b-c-defg"),
            ("a=2Db=\nc=\r\nd=e=", "a-bcd=e="),
            ("a&#45;b&#x2D;c&amp;", "a-b-c&amp;"),
            ("a\\\nb", "ab"),
            ("> > a\n+ b\n>| c\n# d\n// e", "abcde"),
            ("a\u{200b}b\u{feff}c\u{a0}d", "abcd"),
            ("\u{feff}a", "a"),
        ] {
            let view = View::of(raw.as_bytes(), Marks::Dashes);
            let text = String::from_utf8_lossy(view.bytes());
            assert_eq!(text, plain, "{raw:?}");
        }
        let wide: Vec<u8> = "a\u{2011}b"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(View::of(&wide, Marks::Dashes).bytes(), b"a-b");
    }

    #[test]
    fn what_may_be_a_mark_reads_both_ways() {
        for raw in [
            "a\n-b",
            "a\u{ad}b",
            "a\n  -b",
            "a&#173;b",
            "a%C2%ADb",
            "a\\u00adb",
        ] {
            let read = |marks| View::of(raw.as_bytes(), marks).bytes().to_vec();
            assert_eq!(read(Marks::Dashes), b"a-b", "{raw:?}");
            assert_eq!(read(Marks::Dropped), b"ab", "{raw:?}");
        }
    }

    #[test]
    fn a_place_is_told_as_it_is_in_the_original() {
        let view = View::of(b"ab %2D c\n> d", Marks::Dashes);
        assert_eq!(view.bytes(), b"ab-cd");
        let places: Vec<usize> = (0..=5).map(|place| view.raw_at(place)).collect();
        assert_eq!(places, [0, 1, 3, 7, 11, 12]);
        assert_eq!(view.raw_range(1..3), 1..6);
    }

    proptest! {
        #[test]
        fn a_view_is_never_longer_and_its_places_ascend(raw in any::<Vec<u8>>()) {
            let view = View::of(&raw, Marks::Dashes);
            prop_assert!(view.bytes().len() <= raw.len());
            let places: Vec<usize> = (0..=view.bytes().len()).map(|at| view.raw_at(at)).collect();
            prop_assert!(places.is_sorted());
            prop_assert_eq!(places.last(), Some(&raw.len()));
        }
    }
}
