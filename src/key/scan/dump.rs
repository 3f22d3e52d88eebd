//! Dumps of bytes, as `xxd`, `hexdump` and `od` print them: on each line an offset, the bytes, and
//! mostly what they are as text.

use super::decoded::Decoded;

/// The fewest bytes of a dump that is looked at.
const FEWEST: usize = 24;

/// How many characters an offset may have.
const OFFSET: std::ops::RangeInclusive<usize> = 4..=16;

/// The most characters of one group of hex digits.
const LONGEST_GROUP: usize = 32;

/// How the bytes of a dump are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Groups of hex digits.
    Hex,
    /// Words of four hex digits whose lower half comes first in memory (`hexdump`, `od -x`).
    Words,
    /// Three octal digits a byte (`od -b`).
    Octal,
    /// The characters themselves, or three octal digits of what cannot be printed (`od -c`).
    Text,
}

/// Hands over the bytes of each dump in a text.
pub(super) fn dumps(text: &[u8], take: &mut dyn FnMut(Decoded)) {
    let mut dump = Decoded::default();
    let mut lines = 0;
    let mut at = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let end = at + line.len();
        if let Some((form, start)) = begin(line) {
            if lines == 0 {
                dump = Decoded::with_capacity((text.len() - at).div_ceil(2));
            }
            lines += 1;
            cells(&line[start..], at + start, form, &mut dump);
        } else if lines > 0 && line.trim_ascii() != b"*" {
            lines = 0;
            hand_over(std::mem::take(&mut dump), at, take);
        }
        at = end;
    }
    hand_over(dump, at, take);
}

fn hand_over(mut dump: Decoded, end: usize, take: &mut dyn FnMut(Decoded)) {
    if dump.bytes().len() >= FEWEST {
        dump.end(end);
        take(dump);
    }
}

/// What form a line of a dump has, and where in it the bytes begin.
fn begin(line: &[u8]) -> Option<(Form, usize)> {
    let mut at = 0;
    while at < line.len() {
        let is_digit = |byte: &&u8| byte.is_ascii_hexdigit();
        let digits = line[at..].iter().take_while(is_digit).count();
        if OFFSET.contains(&digits) {
            let found = bytes_behind(&line[at + digits..]);
            if let Some((form, start)) = found {
                return Some((form, at + digits + start));
            }
        }
        at += digits.max(1);
    }
    None
}

/// The same of what stands behind an offset.
fn bytes_behind(rest: &[u8]) -> Option<(Form, usize)> {
    let colon = usize::from(rest.first() == Some(&b':'));
    let blanks = blanks(&rest[colon..]);
    let start = colon + blanks;
    let word = word(&rest[start..]);
    let is_hex = word.len().is_multiple_of(2) && word.iter().all(u8::is_ascii_hexdigit);
    let form = match word {
        _ if blanks == 0 => return None,
        [_] | [b'\\', _] => return Some((Form::Text, colon)),
        [b'0'..=b'3', b'0'..=b'7', b'0'..=b'7'] => Form::Octal,
        [_, _, _, _] if is_hex && colon == 0 => Form::Words,
        [_, _, ..] if is_hex => Form::Hex,
        _ => return None,
    };
    Some((form, start))
}

fn blanks(text: &[u8]) -> usize {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    text.iter().take_while(is_blank).count()
}

/// What stands before the next blank, as far as it can be a group.
fn word(text: &[u8]) -> &[u8] {
    let text = &text[..text.len().min(LONGEST_GROUP + 1)];
    let end = text.iter().position(u8::is_ascii_whitespace);
    &text[..end.unwrap_or(text.len())]
}

/// Reads the groups of a line, up to where its text stands beside them.
fn cells(line: &[u8], raw: usize, form: Form, dump: &mut Decoded) {
    if form == Form::Text {
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
        // Between groups is one blank, or two in the middle of what `hexdump -C` prints; the text
        // stands behind two.
        let gap = blanks(&line[at..]);
        let is_middle = gap == 2 && bytes == 8 && cell.len() == 2;
        if gap > 1 && !is_middle {
            return;
        }
        at += gap;
    }
}

/// Reads characters, of which each takes four places, with blanks before it.
fn characters(line: &[u8], raw: usize, dump: &mut Decoded) {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
    let line = &line[..end.map_or(0, |end| end + 1)];
    for (at, cell) in line.chunks(4).enumerate() {
        let raw = raw + 4 * at;
        let number = cell.get(1..).and_then(|digits| number(digits, 8));
        match (cell, number) {
            ([b' ', b' ', b'\\', b'0'], _) => dump.push(&[0], raw, cell.len()),
            // A line's end and the like, which no secret has in it.
            ([b' ', b' ', b'\\', _], _) => dump.push(b"\n", raw, cell.len()),
            ([b' ', b' ', b' ', byte], _) => dump.push(&[*byte], raw, cell.len()),
            (_, Some(byte)) => dump.push(&[byte], raw, cell.len()),
            _ => return,
        }
    }
}

/// Adds the bytes of one group; false if it is none.
fn push(cell: &[u8], raw: usize, form: Form, dump: &mut Decoded) -> bool {
    if form == Form::Octal {
        let byte = number(cell, 8).filter(|_| cell.len() == 3);
        if let Some(byte) = byte {
            dump.push(&[byte], raw, cell.len());
        }
        return byte.is_some();
    }
    let is_hex = cell.iter().all(u8::is_ascii_hexdigit);
    if !is_hex || !cell.len().is_multiple_of(2) || cell.len() > LONGEST_GROUP {
        return false;
    }
    let pairs = cell.len() / 2;
    for at in 0..pairs {
        // What comes first in memory.
        let pair = if form == Form::Words {
            pairs - 1 - at
        } else {
            at
        };
        if let Some(byte) = number(&cell[2 * pair..][..2], 16) {
            dump.push(&[byte], raw + 2 * at, 2);
        }
    }
    true
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(digits, radix).ok()
}
