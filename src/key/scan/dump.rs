//! Hex dumps, as `xxd`, `hexdump` and `od` print them: each line has an offset, the bytes, and
//! usually their text.

use std::ops::{Range, RangeInclusive};

use strum::VariantArray;

use super::decoded::Decoded;
use super::list::number;

/// The minimum length of a dump, in bytes.
const MIN_NUMBERS: usize = 24;

/// The number of characters of an offset.
const OFFSET: RangeInclusive<usize> = 4..=16;

/// The maximum length of a group of hex digits.
const MAX_GROUP: usize = 32;

/// The format of a dump's bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DumpFormat {
    /// Groups of hex digits, big-endian.
    Hex,
    /// Groups of hex digits, little-endian (`hexdump`, `od -x`, `xxd -e`).
    Words,
    /// Three octal digits per byte (`od -b`).
    Octal,
    /// One to three decimal digits per byte (`od -tu1`).
    Decimal,
    /// Eight bits per byte (`xxd -b`).
    Bits,
    /// Characters, or three octal digits for those that cannot be printed (`od -c`).
    Text,
}

/// The interpretation of ambiguous digits.
#[derive(Clone, Copy, PartialEq, Eq, VariantArray)]
enum DigitReading {
    /// As octal, and groups as big-endian.
    First,
    /// As decimal, and groups as little-endian.
    Second,
}

/// Passes on the bytes of each dump in a text.
pub(super) fn dumps(text: &[u8], take: &mut dyn FnMut(Decoded)) {
    let (mut start, mut at) = (None, 0);
    for line in lines(text) {
        if begin(line, DigitReading::VARIANTS).is_some() {
            start.get_or_insert(at);
        } else if let Some(start) = start.take_if(|_| line.trim_ascii() != b"*") {
            read(text, start..at, take);
        }
        at += line.len();
    }
    if let Some(start) = start {
        read(text, start..at, take);
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&byte| byte == b'\n')
}

/// Reads the lines of a dump, in both interpretations.
fn read(text: &[u8], part: Range<usize>, take: &mut dyn FnMut(Decoded)) {
    // An offset is at least as long as the first group of bytes.
    if part.len() < 2 * MIN_NUMBERS {
        return;
    }
    for &reading in DigitReading::VARIANTS {
        let mut dump = Decoded::with_capacity(part.len().div_ceil(2));
        let mut at = part.start;
        for line in lines(&text[part.clone()]) {
            if let Some((form, start)) = begin(line, &[reading]) {
                cells(&line[start..], at + start, form, &mut dump);
            }
            at += line.len();
        }
        if dump.bytes().len() >= MIN_NUMBERS {
            dump.end(part.end);
            take(dump);
        }
    }
}

/// The format of a dump's line, and the offset of its bytes.
fn begin(line: &[u8], readings: &[DigitReading]) -> Option<(DumpFormat, usize)> {
    let is_digit = |byte: &u8| byte.is_ascii_hexdigit();
    let mut at = 0;
    loop {
        let first = line.get(at..at + *OFFSET.start())?;
        if let Some(other) = first.iter().rposition(|byte| !is_digit(byte)) {
            at += other + 1;
            continue;
        }
        let digits = line[at..].iter().take_while(|byte| is_digit(byte)).count();
        at += digits;
        if OFFSET.contains(&digits) {
            let mut found = readings
                .iter()
                .filter_map(|&of| bytes_after(&line[at..], of));
            if let Some((form, start)) = found.next() {
                return Some((form, at + start));
            }
        }
    }
}

/// The same for the text after the offset column.
fn bytes_after(rest: &[u8], reading: DigitReading) -> Option<(DumpFormat, usize)> {
    let colon = usize::from(rest.first() == Some(&b':'));
    let blanks = blanks(&rest[colon..]);
    if blanks == 0 {
        return None;
    }
    let start = colon + blanks;
    let word = word(&rest[start..]);
    if word.is_empty() && blanks > 1 && blanks.is_multiple_of(4) {
        // All characters on the line are blanks.
        return Some((DumpFormat::Text, colon));
    }
    let form = match reading {
        DigitReading::First => first(word, &rest[start..], colon > 0)?,
        DigitReading::Second if colon > 0 && is_padded(blanks, word) => DumpFormat::Words,
        DigitReading::Second => second(word)?,
    };
    // Each character takes four columns.
    let start = if form == DumpFormat::Text {
        colon
    } else {
        start
    };
    Some((form, start))
}

fn first(word: &[u8], line: &[u8], has_colon: bool) -> Option<DumpFormat> {
    Some(match word {
        [_] | [b'\\', _] => DumpFormat::Text,
        _ if is_octal(word) => {
            let mut words = line.split(u8::is_ascii_whitespace);
            // Some of the characters are printed as numbers.
            match words.all(|word| word.is_empty() || is_octal(word)) {
                true => DumpFormat::Octal,
                false => DumpFormat::Text,
            }
        }
        [_, _, _, _, _, _, _, _] if number(word, 2).is_some() => DumpFormat::Bits,
        [_, _, _, _] if is_hex(word) && !has_colon => DumpFormat::Words,
        [_, _, ..] if is_hex(word) => DumpFormat::Hex,
        _ => return None,
    })
}

fn second(word: &[u8]) -> Option<DumpFormat> {
    match word.len() {
        1..=3 => number(word, 10).map(|_| DumpFormat::Decimal),
        4 | 8 | 16 => is_hex(word).then_some(DumpFormat::Words),
        _ => None,
    }
}

fn is_octal(word: &[u8]) -> bool {
    word.len() == 3 && number(word, 8).is_some()
}

/// Whether a group of `xxd -e` is the last on its line, with fewer digits than the others.
fn is_padded(blanks: usize, word: &[u8]) -> bool {
    is_hex(word) && word.len() < 8 && blanks + word.len() == 9
}

fn is_hex(word: &[u8]) -> bool {
    word.len().is_multiple_of(2) && word.iter().all(u8::is_ascii_hexdigit)
}

fn blanks(text: &[u8]) -> usize {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    text.iter().take_while(is_blank).count()
}

/// The text before the next blank, as far as it can be a group.
fn word(text: &[u8]) -> &[u8] {
    let text = &text[..text.len().min(MAX_GROUP + 1)];
    let end = text.iter().position(u8::is_ascii_whitespace);
    &text[..end.unwrap_or(text.len())]
}

/// Reads the groups of a line, up to its text column.
fn cells(line: &[u8], raw: usize, form: DumpFormat, dump: &mut Decoded) {
    if form == DumpFormat::Text {
        return characters(line, raw, dump);
    }
    let mut at = 0;
    let mut bytes = 0;
    while at < line.len() {
        let cell = word(&line[at..]);
        if cell.is_empty() || !push(cell, raw + at, form, dump) {
            return;
        }
        bytes += cell.len().div_ceil(2);
        at += cell.len();
        // Groups are separated by one blank, two in the middle of a line of `hexdump -C`, or as
        // many as a shorter number or last group leaves; the text column follows two blanks.
        let gap = blanks(&line[at..]);
        let is_middle = gap == 2 && bytes == 8 && cell.len() == 2;
        let is_short = match form {
            DumpFormat::Decimal => gap <= 3,
            DumpFormat::Words => is_padded(gap, word(&line[at + gap..])),
            _ => false,
        };
        if gap > 1 && !is_middle && !is_short {
            return;
        }
        at += gap;
    }
}

/// Reads characters of four columns each, including leading blanks.
fn characters(line: &[u8], raw: usize, dump: &mut Decoded) {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
    let line = &line[..end.map_or(0, |end| end + 1)];
    for (at, cell) in line.chunks(4).enumerate() {
        let raw = raw + 4 * at;
        let number = cell.get(1..).and_then(|digits| number(digits, 8));
        match (cell, number) {
            ([b' ', b' ', b'\\', b'0'], _) => dump.push(&[0], raw, cell.len()),
            // A line end or similar, which is not in a secret.
            ([b' ', b' ', b'\\', _], _) => dump.push(b"\n", raw, cell.len()),
            ([b' ', b' ', b' ', byte], _) => dump.push(&[*byte], raw, cell.len()),
            (_, Some(byte)) => dump.push(&[byte], raw, cell.len()),
            _ => return,
        }
    }
}

/// Adds the bytes of a group; false if it is not one.
fn push(cell: &[u8], raw: usize, form: DumpFormat, dump: &mut Decoded) -> bool {
    let one =
        |length: Range<usize>, radix| number(cell, radix).filter(|_| length.contains(&cell.len()));
    let byte = match form {
        DumpFormat::Octal => one(3..4, 8),
        DumpFormat::Decimal => one(1..4, 10),
        DumpFormat::Bits => one(8..9, 2),
        _ => return push_hex_group(cell, raw, form == DumpFormat::Words, dump),
    };
    if let Some(byte) = byte {
        dump.push(&[byte], raw, cell.len().max(2));
    }
    byte.is_some()
}

/// The same for a group of hex digits, read backwards if it is little-endian.
fn push_hex_group(cell: &[u8], raw: usize, is_word: bool, dump: &mut Decoded) -> bool {
    if !is_hex(cell) || cell.len() > MAX_GROUP {
        return false;
    }
    let pairs = cell.len() / 2;
    for at in 0..pairs {
        // The lowest byte comes first in memory.
        let pair = if is_word { pairs - 1 - at } else { at };
        if let Some(byte) = number(&cell[2 * pair..][..2], 16) {
            dump.push(&[byte], raw + 2 * at, 2);
        }
    }
    true
}
