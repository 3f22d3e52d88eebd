//! Lists of bytes as numbers, as programs print them: `0x78, 0x6b`, `[120, 107]`, `78:6b` and the
//! like, with any separator.

use std::ops::Range;

use strum::VariantArray;

use super::decoded::Decoded;
use super::text_score::TextParts;

/// The minimum length of a list.
const MIN_NUMBERS: usize = 24;

/// The maximum length of a number: binary with its prefix.
const MAX_NUMBER: usize = 10;

/// The maximum distance between two numbers: an indent, or a quoted name.
const MAX_GAP: usize = 40;

const ESCAPE: u8 = 0x1b;

/// The format of the numbers in a list.
#[derive(Clone, Copy, VariantArray)]
enum ListFormat {
    /// `120`.
    Decimal,
    /// `78`.
    Hex,
    /// `0x78`, optionally with a type suffix.
    Prefixed,
    /// `170` or `0170`.
    Octal,
    /// `01111000` or `0b01111000`.
    Bits,
}

/// A list that has not ended yet.
#[derive(Clone, Copy, Default)]
struct OpenList {
    start: usize,
    end: usize,
    count: usize,
}

/// Passes on the bytes of each list in a text, if they are text.
pub(super) fn lists(text: &[u8], take: &mut dyn FnMut(Decoded)) {
    let mut open = [OpenList::default(); ListFormat::VARIANTS.len()];
    for word in words(text) {
        let digits = &text[word.clone()];
        let is_number = digits.len() <= MAX_NUMBER && digits[0].is_ascii_hexdigit();
        if !is_number && open.iter().all(|open| open.count == 0) {
            continue;
        }
        for (form, open) in ListFormat::VARIANTS.iter().copied().zip(&mut open) {
            if form.byte(digits).is_some() {
                if open.count == 0 || word.start - open.end > MAX_GAP {
                    end(text, form, std::mem::take(open), take);
                    open.start = word.start;
                }
                open.count += 1;
                open.end = word.end;
            } else if open.count > 0 {
                end(text, form, std::mem::take(open), take);
            }
        }
    }
    for (form, open) in ListFormat::VARIANTS.iter().copied().zip(open) {
        end(text, form, open, take);
    }
}

/// The words of a text that may be numbers, without those that name others, as in `"0":120`.
fn words(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let begins = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == ESCAPE;
            at += text.get(at..)?.iter().position(begins)?;
            if text[at] == ESCAPE {
                at += colour(&text[at..]);
                continue;
            }
            let start = at;
            let is_within = |byte: &&u8| byte.is_ascii_alphanumeric();
            at += text[start..].iter().take_while(is_within).count();
            if !text[at..].starts_with(b"\":") {
                return Some(start..at);
            }
        }
    })
}

/// The length of a terminal's control sequence at the start of a text: `jq` prints one for each
/// number.
fn colour(text: &[u8]) -> usize {
    let parameters = text.strip_prefix(b"\x1b[").unwrap_or_default().iter();
    let parameters = parameters.take_while(|byte| matches!(byte, b' '..=b'?'));
    match parameters.count() {
        0 => 1,
        count => count + 3,
    }
}

/// Reads a list that has ended, if it is long enough for a secret.
fn end(text: &[u8], form: ListFormat, list: OpenList, take: &mut dyn FnMut(Decoded)) {
    if list.count < MIN_NUMBERS {
        return;
    }
    let mut decoded = Decoded::with_capacity(list.count);
    let mut parts = TextParts::default();
    let mut is_text = false;
    for word in words(&text[list.start..list.end]) {
        let word = list.start + word.start..list.start + word.end;
        if let Some(byte) = form.byte(&text[word.clone()]) {
            is_text |= parts.push(byte).is_some();
            decoded.push(&[byte], word.start, word.len().max(2));
        }
    }
    if is_text || parts.end().is_some() {
        decoded.end(list.end);
        take(decoded);
    }
}

impl ListFormat {
    /// The byte that a word represents.
    fn byte(self, word: &[u8]) -> Option<u8> {
        match (self, word) {
            (Self::Decimal, [_] | [_, _] | [_, _, _]) => number(word, 10),
            (Self::Hex, [_, _]) => number(word, 16),
            (Self::Prefixed, [b'0', b'x' | b'X', digits @ ..]) => {
                let typed = digits.iter().position(|byte| !byte.is_ascii_hexdigit());
                let digits = &digits[..typed.unwrap_or(digits.len())];
                number(digits, 16).filter(|_| digits.len() <= 2)
            }
            (Self::Octal, [_, _, _] | [b'0', _, _, _]) => number(word, 8),
            (Self::Bits, [b'0', b'b' | b'B', bits @ ..] | bits) if bits.len() == 8 => {
                number(bits, 2)
            }
            _ => None,
        }
    }
}

/// A byte in digits alone.
pub(super) fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let mut number = 0_u32;
    for &digit in digits {
        number = number * radix + char::from(digit).to_digit(radix)?;
        if number > 255 {
            return None;
        }
    }
    (!digits.is_empty()).then_some(number as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        lists(text.as_bytes(), &mut |decoded| {
            all.push(String::from_utf8_lossy(decoded.bytes()).into_owned());
        });
        all
    }

    #[test]
    fn separators_between_numbers_do_not_matter() {
        let plain = "xkeypost-0123456789abcdef";
        let join = |form: &dyn Fn(u8) -> String, between: &str| {
            plain.bytes().map(form).collect::<Vec<_>>().join(between)
        };
        let decimal = |byte: u8| byte.to_string();
        let hex = |byte: u8| format!("{byte:02x}");
        for text in [
            join(&decimal, ","),
            join(&decimal, ",\n        "),
            join(&decimal, "\n- "),
            format!("{{\"type\":\"Buffer\",\"data\":[{}]}}", join(&decimal, ",")),
            join(&|byte| format!("\"{}\":{byte}", byte % 90), ", "),
            join(
                &|byte| format!("\x1b[0;39m{byte}\x1b[0m"),
                "\x1b[1;39m,\x1b[0m",
            ),
            join(&hex, ":"),
            join(&hex, "-").to_uppercase(),
            join(&|byte| format!("0x{byte:02x}"), ", "),
            join(&|byte| format!("0x{byte:02X}u8"), ",\n\t"),
            join(&|byte| format!("{byte:03o}"), " "),
            join(&|byte| format!("{byte:04o}"), ","),
            join(&|byte| format!("{byte:08b}"), " "),
            join(&|byte| format!("0b{byte:08b}"), ", "),
        ] {
            assert!(read(&text).contains(&plain.to_owned()), "{text}");
        }
    }

    #[test]
    fn short_lists_and_binary_lists_are_ignored() {
        let few = "120, 107, 101, 121, 112, 111, 115, 116, 45";
        assert!(read(few).is_empty());
        assert!(read(&"2026-11-28 10:15:03 200 GET\n".repeat(99)).is_empty());
        assert!(read(&"1, 2, 3, ".repeat(99)).is_empty());
        assert!(read(&format!("{few}{}{few}", " ".repeat(MAX_GAP + 1))).is_empty());
    }
}
