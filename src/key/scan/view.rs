//! A text with everything undone that may have been inserted on its way: line breaks, whitespace,
//! escapes, colors, marks of mail and diffs.
//!
//! None of these can be part of a secret or its base64, so undoing too much does not hide any. Only
//! a `-` at the start of a line, and a soft hyphen, may or may not be part of one.

use std::ops::Range;

use super::base64::digit;
use super::decoded::Decoded;
use super::escape::{self, Unit};
use super::layout::Escapes;
use super::parts::Parts;

/// How to read a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// A `-` at the start of a line, and a soft hyphen, are dashes; the target of a terminal's
    /// hyperlink is part of the text.
    Dashes,
    /// None of these are part of the text.
    Dropped,
    /// Like [`Reading::Dashes`], and a `+` or `/` at the start of a line is base64.
    Base64,
}

/// The maximum length of a terminal's control sequence.
const MAX_SEQUENCE: u8 = 32;

/// This many characters in a row are probably part of a secret instead of a word.
const LONG_WORD: usize = 12;

/// The text, and the locations of its parts in the original.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) decoded: Decoded,
    ambiguous_parts: Parts,
    base64_marked: Parts,
    escapes: Escapes,
}

impl View {
    /// A view with this capacity, which never moves and leaves copies of a secret behind.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            decoded: Decoded::with_capacity(capacity),
            ..Self::default()
        }
    }

    /// The view of a text.
    pub(super) fn of(raw: &[u8], reading: Reading) -> Self {
        let mut view = Self::with_capacity(raw.len());
        view.fill(raw, 0..raw.len(), reading);
        view
    }

    /// Becomes the view of part of a text, which must fit the capacity.
    pub(super) fn fill(&mut self, raw: &[u8], part: Range<usize>, reading: Reading) {
        self.decoded.clear();
        self.ambiguous_parts.clear();
        self.base64_marked.clear();
        self.escapes = Escapes::default();
        let mut writer = Writer {
            view: self,
            reading,
            is_line_start: true,
            sequence: Sequence::None,
        };
        writer.write(&raw[..part.end], part.start);
        self.decoded.end(part.end);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.decoded.bytes()
    }

    /// The parts that [`Reading::Dashes`] and [`Reading::Dropped`] read differently.
    pub(super) fn ambiguous_parts(&mut self) -> Parts {
        std::mem::take(&mut self.ambiguous_parts)
    }

    /// The parts that [`Reading::Base64`] reads differently.
    pub(super) fn base64_marked(&mut self) -> Parts {
        std::mem::take(&mut self.base64_marked)
    }

    /// The escapes, which may be nested or part of a layout.
    pub(super) fn escapes(&self) -> Escapes {
        self.escapes
    }

    fn push(&mut self, bytes: &[u8], raw: usize, width: usize) {
        self.decoded.push(bytes, raw, width);
    }
}

/// The state of reading a terminal's control sequence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sequence {
    None,
    Begun,
    /// Selects a character set: one more character.
    Charset,
    /// The number of characters of parameters so far.
    Parameters(u8),
    /// A string for the terminal, such as a hyperlink's target.
    Command,
}

struct Writer<'a> {
    view: &'a mut View,
    reading: Reading,
    is_line_start: bool,
    sequence: Sequence,
}

impl Writer<'_> {
    fn write(&mut self, raw: &[u8], from: usize) {
        let mut at = from;
        while at < raw.len() {
            if self.is_text() {
                let run = raw[at..].iter().take_while(|&&byte| is_plain(byte)).count();
                if run > 0 {
                    self.view.push(&raw[at..at + run], at, 1);
                    at += run;
                    continue;
                }
            }
            let (read_unit, length) = match self.ends_command(raw[at]) {
                true => (Unit::Byte(b'\\'), 1),
                false => escape::read_unit(raw, at),
            };
            if length > 1 {
                self.view.escapes.add(&raw[at..], read_unit, length);
            }
            match read_unit {
                Unit::Byte(byte) => self.byte(byte, raw, at, length),
                Unit::SoftHyphen => self.mark(raw, at, length),
                Unit::Nothing => {}
            }
            at += length;
        }
    }

    /// Whether this backslash is not an escape, but ends a string for the terminal.
    fn ends_command(&self, byte: u8) -> bool {
        (self.sequence, byte) == (Sequence::Begun, b'\\')
    }

    /// Whether a literal character is part of the text.
    fn is_text(&self) -> bool {
        !self.is_line_start && self.sequence == Sequence::None
    }

    fn byte(&mut self, byte: u8, raw: &[u8], at: usize, width: usize) {
        if self.sequence != Sequence::None {
            if (self.sequence, byte) == (Sequence::Begun, b']') {
                self.view.ambiguous_parts.add(raw, at);
            }
            if self.is_in_sequence(byte) {
                return;
            }
        }
        match byte {
            0x1b => self.sequence = Sequence::Begun,
            b'\n' | b'\r' => self.is_line_start = true,
            b'\0' | b'\t' | 0x0b | 0x0c | b' ' => {}
            b'+' | b'/' if self.is_line_start && self.reading != Reading::Base64 => {
                if goes_on(&raw[..at], &raw[at + width..]) {
                    self.view.base64_marked.add(raw, at);
                }
            }
            b'>' | b'|' | b'#' | b'*' | b';' if self.is_line_start => {}
            b'-' if self.is_line_start => {
                self.is_line_start = false;
                if goes_on(&raw[..at], &raw[at + width..]) {
                    self.mark(raw, at, width);
                } else {
                    self.view.push(b"-", at, width);
                }
            }
            // The lower half of a hyphen in UTF-16 (U+2010 to U+2013), whose upper half is a blank.
            0x10..=0x13 => self.view.push(b"-", at, width),
            _ => {
                self.is_line_start = false;
                self.view.push(&[byte], at, width);
            }
        }
    }

    fn mark(&mut self, raw: &[u8], at: usize, width: usize) {
        self.view.ambiguous_parts.add(raw, at);
        match self.reading {
            Reading::Dashes | Reading::Base64 => self.view.push(b"-", at, width),
            Reading::Dropped => {}
        }
    }

    /// Whether a byte belongs to the current control sequence.
    fn is_in_sequence(&mut self, byte: u8) -> bool {
        let (next, belongs) = match (self.sequence, byte) {
            (Sequence::Begun, b'[') => (Sequence::Parameters(0), true),
            (Sequence::Begun, b']') => {
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
            (Sequence::Parameters(count), b' '..=b'?') if count < MAX_SEQUENCE => {
                (Sequence::Parameters(count + 1), true)
            }
            // No color sequence ends in the first letter of a secret.
            (Sequence::Parameters(_), b'@'..=b'~') => (Sequence::None, byte != b'x'),
            _ => (Sequence::None, false),
        };
        self.sequence = next;
        belongs
    }
}

/// Whether a broken line may continue after a mark: if there is a long word after or before it.
fn goes_on(before: &[u8], rest: &[u8]) -> bool {
    let mut length = 0;
    for &byte in rest {
        match byte {
            b' ' | b'\t' if length == 0 => {}
            b'\0' => {}
            // Characters that may be escaped.
            b'%' | b'=' | b'\\' | b'&' | b'#' | b';' | 0x1b | 0x80.. => length += 1,
            _ if digit(byte).is_none() => break,
            _ => length += 1,
        }
        if length == LONG_WORD {
            return true;
        }
    }
    length > 0 && is_behind_word(before)
}

/// Whether there is a long word before the start of a line.
fn is_behind_word(before: &[u8]) -> bool {
    let is_between = |byte: &&u8| byte.is_ascii_whitespace() || b">|#*;+/=\\".contains(byte);
    let between = before.iter().rev().take_while(is_between).count();
    let before = &before[..before.len() - between];
    // The length of an escaped line end.
    let before = before.strip_suffix(b"\\n").unwrap_or(before);
    let word = before.iter().rev().take(LONG_WORD);
    word.filter(|&&byte| digit(byte).is_some()).count() == LONG_WORD
}

/// Whether a byte is literal, except at the start of a line.
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
    fn inserted_characters_are_removed() {
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
    fn ambiguous_marks_are_read_both_ways() {
        let word = "0123456789ab";
        for between in [
            "\n-", "\u{ad}", "\n  -", "&#173;", "%C2%AD", "\\u00ad", "\\n-",
        ] {
            for (head, rest) in [(word, "c"), ("c", word)] {
                let raw = format!("{head}{between}{rest}");
                let read = |reading| {
                    let mut view = View::of(raw.as_bytes(), reading);
                    let is_marked = view.ambiguous_parts().into_iter().next().is_some();
                    let text = String::from_utf8_lossy(view.bytes()).into_owned();
                    (text, is_marked)
                };
                let (dashes, dropped) = (format!("{head}-{rest}"), format!("{head}{rest}"));
                assert_eq!(read(Reading::Dashes), (dashes, true), "{raw:?}");
                assert_eq!(read(Reading::Dropped).0, dropped, "{raw:?}");
            }
        }
    }

    #[test]
    fn a_list_and_a_diff_of_words_have_no_marks() {
        for raw in [
            "- one\n- two three\n-\n--\n",
            "-let one = two;\n+let one = three;\n",
            "-    \"one\",\n+    \"two\",\n",
            "+/// Some words.\n+use some::words;\n",
        ] {
            let mut view = View::of(raw.as_bytes(), Reading::Dashes);
            let parts = view.ambiguous_parts().into_iter();
            assert_eq!(
                parts.chain(view.base64_marked().into_iter()).count(),
                0,
                "{raw:?}"
            );
        }
    }

    #[test]
    fn locations_refer_to_the_original() {
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
