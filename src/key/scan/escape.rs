//! Reads a character of a text, literal or escaped as in URLs, JSON, quoted-printable (RFC 2045,
//! section 6.7), HTML or programming languages.

use memchr::{memchr, memchr3};
use strum::VariantArray;

/// The meaning of the next characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A byte of the text.
    Byte(u8),
    /// A hyphen that may only mark a possible line break.
    SoftHyphen,
    /// Something invisible.
    Nothing,
}

/// A way to escape; all escapes of one way are undone at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub(super) enum EscapeKind {
    /// `%2D`.
    Percent,
    /// `=2D`.
    QuotedPrintable,
    /// `&#45;`.
    Entity,
    /// `\u002d` and the like.
    Backslash,
    /// String literals in a program, and their concatenation.
    Literals,
    /// A multi-byte character that stands for an ASCII one.
    Character,
}

impl EscapeKind {
    /// The kind of escape that begins with this byte, if any.
    pub(super) fn begun_by(byte: u8) -> Option<Self> {
        match byte {
            b'%' => Some(Self::Percent),
            b'=' => Some(Self::QuotedPrintable),
            b'&' => Some(Self::Entity),
            b'\\' => Some(Self::Backslash),
            quote if is_quote(quote) => Some(Self::Literals),
            0x80.. => Some(Self::Character),
            _ => None,
        }
    }

    /// The offsets in a text at which something may be escaped.
    pub(super) fn find(self, text: &[u8]) -> Option<usize> {
        match self {
            Self::Percent => memchr(b'%', text),
            Self::QuotedPrintable => memchr(b'=', text),
            Self::Entity => memchr(b'&', text),
            Self::Backslash => memchr(b'\\', text),
            Self::Literals => text
                .iter()
                .position(|&byte| byte == b'\\' || is_quote(byte)),
            Self::Character => memchr3(0xc2, 0xe2, 0xef, text),
        }
    }
}

/// Latin-1's soft hyphen.
pub(super) const SOFT_HYPHEN: u8 = 0xad;

/// Reads the next unit, and its length in the text: at least one byte.
pub(super) fn read_unit(text: &[u8], at: usize) -> (Unit, usize) {
    let rest = &text[at..];
    let escaped = match rest[0] {
        b'%' => percent(rest, percent_repeated),
        b'=' => quoted_printable(rest),
        b'\\' => Some(backslash(rest)),
        b'&' => entity(rest),
        quote if is_quote(quote) => concatenation(rest),
        0xc2 | 0xe2 | 0xef => special(rest),
        // Latin-1's soft hyphen and Windows' dash, unless part of a multi-byte character.
        0x96 | SOFT_HYPHEN if at == 0 || text[at - 1].is_ascii() => {
            Some((known(rest[0].into()), 1))
        }
        _ => None,
    };
    escaped.unwrap_or((Unit::Byte(rest[0]), 1))
}

/// Decodes one escape of the given kind, if the text begins with one; the text is not empty.
pub(super) fn decode_once(text: &[u8], kind: EscapeKind) -> Option<(Unit, usize)> {
    match (kind, text[0]) {
        (EscapeKind::Percent, b'%') => percent(text, percent_byte),
        (EscapeKind::QuotedPrintable, b'=') => quoted_printable(text),
        (EscapeKind::Entity, b'&') => entity_once(text),
        (EscapeKind::Backslash | EscapeKind::Literals, b'\\') => Some(backslash_once(text)),
        (EscapeKind::Literals, quote) if is_quote(quote) => concatenation(text),
        (EscapeKind::Character, 0xc2 | 0xe2 | 0xef) => special(text),
        _ => None,
    }
}

/// `%2D`, several that encode one character, or JavaScript's old `%u002D`.
fn percent(text: &[u8], one: impl Fn(&[u8]) -> Option<(u8, usize)>) -> Option<(Unit, usize)> {
    if let Some(b'u' | b'U') = text.get(1) {
        return Some((known(number(text.get(2..6)?, 16)?), 6));
    }
    sequence(text, one)
}

/// `%2D`.
fn percent_byte(text: &[u8]) -> Option<(u8, usize)> {
    Some((hex_byte(text.strip_prefix(b"%")?)?, 3))
}

/// The same, encoded repeatedly (`%252D`).
fn percent_repeated(text: &[u8]) -> Option<(u8, usize)> {
    let (mut byte, mut end) = percent_byte(text)?;
    while byte == b'%'
        && let Some(again) = text.get(end..).and_then(hex_byte)
    {
        (byte, end) = (again, end + 2);
    }
    Some((byte, end))
}

/// `=2D`, several that encode one character, or a soft line break.
fn quoted_printable(text: &[u8]) -> Option<(Unit, usize)> {
    let blanks = text[1..]
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'));
    if let Some(b'\r' | b'\n') = text.get(1 + blanks.count()) {
        return Some((Unit::Nothing, 1));
    }
    let one = |text: &[u8]| Some((hex_byte(text.strip_prefix(b"=")?)?, 3));
    sequence(text, one)
}

/// One escaped byte, or as many as encode one of the known multi-byte characters.
fn sequence(text: &[u8], one: impl Fn(&[u8]) -> Option<(u8, usize)>) -> Option<(Unit, usize)> {
    let (first, length) = one(text)?;
    let (mut bytes, mut count, mut end) = ([first, 0, 0], 1, length);
    while first >= 0x80
        && count < 3
        && let Some((byte, length)) = text.get(end..).and_then(&one)
    {
        bytes[count] = byte;
        (count, end) = (count + 1, end + length);
        if let Some((read_unit, length)) = special(&bytes[..count])
            && length == count
        {
            return Some((read_unit, end));
        }
    }
    Some((Unit::Byte(first), length))
}

/// Backslashes and what they escape; a lone one is dropped.
fn backslash(text: &[u8]) -> (Unit, usize) {
    let slashes = text.iter().take_while(|&&byte| byte == b'\\').count();
    let rest = &text[slashes..];
    let digits = |from: usize, count: usize| {
        let code = number(rest.get(from..from + count)?, 16)?;
        Some((code, from + count))
    };
    let escaped = match rest.first() {
        Some(b'u') => decimal(rest)
            .or_else(|| digits(1, 4))
            .or_else(|| braced(rest)),
        Some(b'U') => digits(1, 8),
        Some(b'x') => digits(1, 2).or_else(|| braced(rest)),
        Some(b'\'') => digits(1, 2),
        Some(b'0'..=b'7') => octal(rest).or_else(|| digits(0, 2).filter(is_dash)),
        Some(b'_') => Some((b'-'.into(), 1)),
        Some(b'n' | b'r') => Some((b'\n'.into(), 1)),
        Some(b't') => Some((b'\t'.into(), 1)),
        Some(b'a') => Some((0x07, 1)),
        Some(b'e') => Some((0x1b, 1)),
        _ => None,
    };
    match escaped {
        Some((code, length)) => (known(code), slashes + length),
        None => (Unit::Nothing, slashes),
    }
}

fn is_dash(&(code, _): &(u32, usize)) -> bool {
    code == u32::from(b'-')
}

/// One backslash and what it escapes, which may be a backslash or a quote.
fn backslash_once(text: &[u8]) -> (Unit, usize) {
    if let [_, b'\\', ..] = text {
        return (Unit::Byte(b'\\'), 2);
    }
    match (backslash(text), text.get(1)) {
        ((Unit::Nothing, _), Some(&quote)) if is_quote(quote) => (Unit::Byte(quote), 2),
        (escaped, _) => escaped,
    }
}

/// `u{2d}` or `x{2d}`.
fn braced(text: &[u8]) -> Option<(u32, usize)> {
    let end = text.iter().take(10).position(|&byte| byte == b'}')?;
    let digits = text[1..end].strip_prefix(b"{")?;
    Some((number(digits, 16)?, end + 1))
}

/// `055`, or `0055` as in `printf %b`.
fn octal(text: &[u8]) -> Option<(u32, usize)> {
    let digits = |count: usize| Some((number(text.get(..count)?, 8)?, count));
    let is_printed = |&(code, _): &(u32, usize)| matches!(code, 0x09 | 0x0a | 0x0d | 0x20..0x7f);
    let long = digits(4).filter(|long| text[0] == b'0' && is_printed(long));
    match digits(3).filter(|&(code, _)| code < 256) {
        Some(short) if is_printed(&short) => Some(short),
        short => long.or(short),
    }
}

/// RTF's `u8209?`: a hyphen's number in decimal, with a replacement for older readers.
fn decimal(text: &[u8]) -> Option<(u32, usize)> {
    let code = number(text.get(1..5)?, 10)?;
    (0x2010..=0x2015).contains(&code).then(|| {
        let fallback = match text.get(5..) {
            Some([b'?' | b'-' | b'_', ..]) => 1,
            Some([b'\\', b'\'', _, _, ..]) => 4,
            _ => 0,
        };
        (code, 5 + fallback)
    })
}

/// HTML's named characters that may be in a secret, hide in one, or escape something.
const NAMED_ENTITIES: [(&[u8], u32); 26] = [
    (b"hyphen", 0x2010),
    (b"dash", 0x2010),
    (b"ndash", 0x2013),
    (b"mdash", 0x2014),
    (b"horbar", 0x2015),
    (b"minus", 0x2212),
    (b"shy", 0xad),
    (b"nbsp", 0xa0),
    (b"ZeroWidthSpace", 0x200b),
    (b"zwnj", 0x200c),
    (b"zwj", 0x200d),
    (b"NoBreak", 0x2060),
    (b"quot", b'"' as u32),
    (b"apos", b'\'' as u32),
    (b"grave", b'`' as u32),
    (b"amp", b'&' as u32),
    (b"lt", b'<' as u32),
    (b"gt", b'>' as u32),
    (b"num", b'#' as u32),
    (b"percnt", b'%' as u32),
    (b"equals", b'=' as u32),
    (b"bsol", b'\\' as u32),
    (b"plus", b'+' as u32),
    (b"sol", b'/' as u32),
    (b"Tab", b'\t' as u32),
    (b"NewLine", b'\n' as u32),
];

/// The maximum length of such a name, or of a number with leading zeros, with `&` and `;`.
const MAX_ENTITY: usize = 16;

/// The same, encoded repeatedly (`&amp;#45;`).
fn entity(text: &[u8]) -> Option<(Unit, usize)> {
    const REENCODED: &[u8] = b"amp;";
    let mut start = 0;
    while text[start + 1..].starts_with(REENCODED)
        && entity_name(&text[start + 1 + REENCODED.len()..]).is_some()
    {
        start += REENCODED.len();
    }
    let (read_unit, length) = entity_once(&text[start..])?;
    Some((read_unit, start + length))
}

/// `&#45;`, `&#x2d;` or `&hyphen;`.
fn entity_once(text: &[u8]) -> Option<(Unit, usize)> {
    let (code, length) = entity_name(&text[1..])?;
    Some((known(code), 1 + length))
}

/// The text after `&`, with its terminator.
fn entity_name(text: &[u8]) -> Option<(u32, usize)> {
    let end = text
        .iter()
        .take(MAX_ENTITY)
        .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'#')?;
    let is_ended = text[end] == b';';
    let code = match &text[..end] {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        name if is_ended => NAMED_ENTITIES.iter().find(|(known, _)| *known == name)?.1,
        _ => return None,
    };
    Some((code, end + usize::from(is_ended)))
}

/// The quotes of string literals.
pub(super) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// From the end of a string literal to the start of the next one that is concatenated, as in `"abc"
/// + "def"`.
fn concatenation(text: &[u8]) -> Option<(Unit, usize)> {
    const MAX_OPERATOR: usize = 3;
    let is_between = |byte: u8| byte.is_ascii_whitespace() || byte == b'\\';
    let mut operators = 0;
    for (at, &byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if is_quote(byte) => return Some((Unit::Nothing, at + 1)),
            // An escaped line end.
            b'n' | b'r' | b't' if text[at - 1] == b'\\' => {}
            b'+' | b'.' | b'&' | b'|' | b'~' | b'<' | b'>' | b'^' | b'_' => operators += 1,
            _ if is_between(byte) => {}
            _ => return None,
        }
        if operators > MAX_OPERATOR {
            return None;
        }
    }
    None
}

/// A multi-byte character that is a hyphen or invisible.
fn special(text: &[u8]) -> Option<(Unit, usize)> {
    let length = if text[0] == 0xc2 { 2 } else { 3 };
    let character = std::str::from_utf8(text.get(..length)?)
        .ok()?
        .chars()
        .next()?;
    match known(character.into()) {
        Unit::Byte(OTHER) => None,
        read_unit => Some((read_unit, length)),
    }
}

/// A byte that is neither in a secret nor in base64.
const OTHER: u8 = 0xff;

/// A character by its Unicode number.
fn known(code: u32) -> Unit {
    match code {
        0x96 | 0x2010..=0x2015 | 0x2212 | 0xfe58 | 0xfe63 | 0xff0d => Unit::Byte(b'-'),
        0xad => Unit::SoftHyphen,
        0xa0 | 0x200b..=0x200f | 0x2028 | 0x2029 | 0x202f | 0x2060 | 0xfeff => Unit::Nothing,
        0..0x80 => Unit::Byte(code as u8),
        _ => Unit::Byte(OTHER),
    }
}

fn hex_byte(text: &[u8]) -> Option<u8> {
    number(text.get(..2)?, 16).map(|number| number as u8)
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let mut number = 0_u32;
    for &digit in digits {
        let digit = char::from(digit).to_digit(radix)?;
        number = number.checked_mul(radix)?.checked_add(digit)?;
    }
    (!digits.is_empty()).then_some(number)
}
