//! A text as it reads once what was put into it on its way is undone: line breaks, blanks, escapes,
//! colours, marks of mail and diffs.
//!
//! None of that can be a part of a secret, or of one in base64, so that undoing too much hides
//! none. Only a `-` at the beginning of a line, and a soft hyphen, may or may not be one.

use super::decoded::Decoded;
use super::escape::{self, Unit};

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// A `-` that begins a line, and a soft hyphen, are dashes of the text; the target of a
    /// terminal's hyperlink is a part of it.
    Dashes,
    /// All of these are none.
    Dropped,
    /// As [`Reading::Dashes`], and a `+` or `/` that begins a line is a character of base64.
    Base64,
    /// Escapes only are undone, and everything else stays as it is.
    Layout,
}

/// The longest control sequence of a terminal that is looked for.
const LONGEST_SEQUENCE: u8 = 32;

/// The text, and where in the original each part of it was.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) decoded: Decoded,
    has_marks: bool,
    has_base64_marks: bool,
    is_nested: bool,
}

impl View {
    /// A view that can hold so many bytes and never moves, so that no copy of a secret is left.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            decoded: Decoded::with_capacity(capacity),
            ..Self::default()
        }
    }

    /// The view of one text.
    pub(super) fn of(raw: &[u8], reading: Reading) -> Self {
        let mut view = Self::with_capacity(raw.len());
        view.fill(raw, reading);
        view
    }

    /// Becomes the view of a text that is no longer than the capacity.
    pub(super) fn fill(&mut self, raw: &[u8], reading: Reading) {
        self.decoded.clear();
        self.has_marks = false;
        self.has_base64_marks = false;
        self.is_nested = false;
        let mut writer = Writer {
            view: self,
            reading,
            is_line_start: true,
            sequence: Sequence::None,
        };
        writer.write(raw);
        self.decoded.end(raw.len());
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.decoded.bytes()
    }

    /// Whether something was read that [`Reading::Dashes`] and [`Reading::Dropped`] read each
    /// in its own way.
    pub(super) fn has_marks(&self) -> bool {
        self.has_marks
    }

    /// Whether something was read that [`Reading::Base64`] reads in its own way.
    pub(super) fn has_base64_marks(&self) -> bool {
        self.has_base64_marks
    }

    /// Whether something was escaped, which may be a part of an escape itself, or of a layout.
    pub(super) fn is_nested(&self) -> bool {
        self.is_nested
    }

    fn push(&mut self, bytes: &[u8], raw: usize, width: usize) {
        self.decoded.push(bytes, raw, width);
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
    /// What a terminal is told besides, as a hyperlink's target.
    Command,
}

struct Writer<'a> {
    view: &'a mut View,
    reading: Reading,
    is_line_start: bool,
    sequence: Sequence,
}

impl Writer<'_> {
    fn write(&mut self, raw: &[u8]) {
        let mut at = 0;
        while at < raw.len() {
            if self.is_text() {
                let run = raw[at..].iter().take_while(|&&byte| is_plain(byte)).count();
                if run > 0 {
                    self.view.push(&raw[at..at + run], at, 1);
                    at += run;
                    continue;
                }
            }
            let (unit, length) = match self.backslash(&raw[at..]) {
                0 => escape::unit(raw, at),
                length => (Unit::Byte(b'\\'), length),
            };
            match unit {
                Unit::Byte(byte) => {
                    self.view.is_nested |= length > 1;
                    self.byte(byte, at, length);
                }
                Unit::SoftHyphen => self.mark(at, length),
                Unit::Nothing => {}
            }
            at += length;
        }
    }

    /// How much of the text is a backslash that escapes nothing, because it ends what a terminal
    /// is told, or is escaped itself.
    fn backslash(&self, text: &[u8]) -> usize {
        match (self.reading, self.sequence, text) {
            (Reading::Layout, _, [b'\\', b'\\', ..]) => 2,
            (_, Sequence::Begun, [b'\\', ..]) => 1,
            _ => 0,
        }
    }

    /// Whether what stands for itself is to be taken as it is.
    fn is_text(&self) -> bool {
        self.reading == Reading::Layout || (!self.is_line_start && self.sequence == Sequence::None)
    }

    fn byte(&mut self, byte: u8, raw: usize, width: usize) {
        if self.reading == Reading::Layout {
            return self.view.push(&[byte], raw, width);
        }
        if self.sequence != Sequence::None && self.is_in_sequence(byte) {
            return;
        }
        match byte {
            0x1b => self.sequence = Sequence::Begun,
            b'\n' | b'\r' => self.is_line_start = true,
            b'\0' | b'\t' | 0x0b | 0x0c | b' ' => {}
            b'+' | b'/' if self.is_line_start && self.reading != Reading::Base64 => {
                self.view.has_base64_marks = true;
            }
            b'>' | b'|' | b'#' | b'*' | b';' if self.is_line_start => {}
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
        match self.reading {
            Reading::Dashes | Reading::Base64 => self.view.push(b"-", raw, width),
            Reading::Dropped => {}
            Reading::Layout => self.view.push(&[escape::SOFT_HYPHEN], raw, width),
        }
    }

    /// Whether a byte belongs to the control sequence that was begun.
    fn is_in_sequence(&mut self, byte: u8) -> bool {
        let (next, belongs) = match (self.sequence, byte) {
            (Sequence::Begun, b'[') => (Sequence::Parameters(0), true),
            (Sequence::Begun, b']') => {
                self.view.has_marks = true;
                let is_dropped = self.reading == Reading::Dropped;
                (
                    if is_dropped {
                        Sequence::Command
                    } else {
                        Sequence::None
                    },
                    true,
                )
            }
            (Sequence::Command, 0x07) => (Sequence::None, true),
            (Sequence::Command, 0x1b) => (Sequence::None, false),
            (Sequence::Command, _) => (Sequence::Command, true),
            (Sequence::Begun, b'\\') => (Sequence::None, true),
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
        let special = *b"\0\t\n\x0b\x0c\r\x10\x11\x12\x13\x1b \"%&'=\\`\x96\xad\xc2\xe2\xef";
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
            ("a&#45;b&#x2D;c&amp;", "a-b-c&"),
            ("a\\\nb", "ab"),
            ("> > a\n+ b\n>| c\n# d\n// e", "abcde"),
            ("a\u{200b}b\u{feff}c\u{a0}d", "abcd"),
            ("\u{feff}a", "a"),
        ] {
            let view = View::of(raw.as_bytes(), Reading::Dashes);
            let text = String::from_utf8_lossy(view.bytes());
            assert_eq!(text, plain, "{raw:?}");
        }
        let wide: Vec<u8> = "a\u{2011}b"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(View::of(&wide, Reading::Dashes).bytes(), b"a-b");
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
            assert_eq!(read(Reading::Dashes), b"a-b", "{raw:?}");
            assert_eq!(read(Reading::Dropped), b"ab", "{raw:?}");
        }
    }

    #[test]
    fn a_place_is_told_as_it_is_in_the_original() {
        let view = View::of(b"ab %2D c\n> d", Reading::Dashes);
        assert_eq!(view.bytes(), b"ab-cd");
        let places: Vec<usize> = (0..=5).map(|place| view.decoded.raw_at(place)).collect();
        assert_eq!(places, [0, 1, 3, 7, 11, 12]);
        assert_eq!(view.decoded.raw_range(1..3), 1..6);
    }

    proptest! {
        #[test]
        fn a_view_is_never_longer_and_its_places_ascend(raw in any::<Vec<u8>>()) {
            let view = View::of(&raw, Reading::Dashes);
            prop_assert!(view.bytes().len() <= raw.len());
            let places: Vec<usize> = (0..=view.bytes().len()).map(|at| view.decoded.raw_at(at)).collect();
            prop_assert!(places.is_sorted());
            prop_assert_eq!(places.last(), Some(&raw.len()));
        }
    }
}
