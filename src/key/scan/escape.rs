//! One character of a text, however it was written: as itself, or escaped as URLs, JSON, quoted
//! printable (RFC 2045, section 6.7), HTML or programming languages do.

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A byte of the text.
    Byte(u8),
    /// A hyphen that may only mark where a line may break.
    SoftHyphen,
    /// Nothing that is seen.
    Nothing,
}

/// Reads what stands at a place, and how many bytes of the text it takes: one at least.
pub(super) fn unit(text: &[u8], at: usize) -> (Unit, usize) {
    let rest = &text[at..];
    let escaped = match rest[0] {
        b'%' => percent(rest),
        b'=' => quoted_printable(rest),
        b'\\' => Some(backslash(rest)),
        b'&' => entity(rest),
        0xc2 | 0xe2 | 0xef => special(rest),
        // Latin-1's soft hyphen and Windows' dash, unless it is a part of a longer character.
        0x96 | 0xad if at == 0 || text[at - 1].is_ascii() => Some((known(rest[0].into()), 1)),
        _ => None,
    };
    escaped.unwrap_or((Unit::Byte(rest[0]), 1))
}

/// `%2D`, encoded again however often (`%252D`), or several such that make one character.
fn percent(text: &[u8]) -> Option<(Unit, usize)> {
    sequence(text, |text| {
        let mut at = 1;
        text.strip_prefix(b"%")?;
        loop {
            let byte = hex_byte(text.get(at..)?)?;
            at += 2;
            if byte != b'%' || hex_byte(text.get(at..)?).is_none() {
                return Some((byte, at));
            }
        }
    })
}

/// `=2D`, several such that make one character, or a soft line break.
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

/// One escaped byte, or as many as make a character that is told apart.
fn sequence(text: &[u8], one: impl Fn(&[u8]) -> Option<(u8, usize)>) -> Option<(Unit, usize)> {
    let (first, length) = one(text)?;
    let (mut bytes, mut count, mut end) = ([first, 0, 0], 1, length);
    while first >= 0x80
        && count < 3
        && let Some((byte, length)) = text.get(end..).and_then(&one)
    {
        bytes[count] = byte;
        (count, end) = (count + 1, end + length);
        if let Some((unit, length)) = special(&bytes[..count])
            && length == count
        {
            return Some((unit, end));
        }
    }
    Some((Unit::Byte(first), length))
}

/// Backslashes and what they escape; one that escapes nothing is nothing.
fn backslash(text: &[u8]) -> (Unit, usize) {
    let slashes = text.iter().take_while(|&&byte| byte == b'\\').count();
    let rest = &text[slashes..];
    let digits = |from: usize, count: usize| number(rest.get(from..from + count)?, 16);
    let braced = || {
        let end = rest.iter().take(9).position(|&byte| byte == b'}')?;
        Some((
            number(rest.strip_prefix(b"u{")?.get(..end - 2)?, 16)?,
            end + 1,
        ))
    };
    let escaped = match rest.first() {
        Some(b'u') => digits(1, 4).map(|code| (code, 5)).or_else(braced),
        Some(b'x') => digits(1, 2).map(|code| (code, 3)),
        Some(b'n' | b'r') => Some((b'\n'.into(), 1)),
        Some(b't') => Some((b'\t'.into(), 1)),
        Some(b'e') => Some((0x1b, 1)),
        _ => None,
    };
    match escaped {
        Some((code, length)) => (known(code), slashes + length),
        None => (Unit::Nothing, slashes),
    }
}

/// `&#45;` or `&#x2d;`.
fn entity(text: &[u8]) -> Option<(Unit, usize)> {
    let end = text.iter().take(10).position(|&byte| byte == b';')?;
    let digits = text.get(2..end).filter(|_| text.starts_with(b"&#"))?;
    let code = match digits {
        [b'x' | b'X', digits @ ..] => number(digits, 16),
        digits => number(digits, 10),
    };
    Some((known(code?), end + 1))
}

/// A character of several bytes that is a hyphen, or is not seen.
fn special(text: &[u8]) -> Option<(Unit, usize)> {
    let length = if text[0] == 0xc2 { 2 } else { 3 };
    let character = std::str::from_utf8(text.get(..length)?)
        .ok()?
        .chars()
        .next()?;
    match known(character.into()) {
        Unit::Byte(OTHER) => None,
        unit => Some((unit, length)),
    }
}

/// What no secret and no base64 has in it.
const OTHER: u8 = 0xff;

/// A character by its number in Unicode.
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
