//! Text from outside, made fit to be shown: escaped, shortened, and without secrets.

use std::borrow::Cow;
use std::fmt::Write;

use super::secret::TAIL;

/// What stands where something that looks like a secret stood.
const BLANKED: &str = "[secret not shown]";

/// How many characters of a bad value an error shows.
const SHOWN: usize = 80;

/// The least that is taken for a part of a secret: `xkey`, a dash and eight digits.
const SHORTEST_PART: usize = 4 + 1 + 8;

/// A run of hex digits this long is taken for a part of a secret.
const HEX_RUN: usize = 48;

/// Replaces control, C1, bidi and other invisible characters by `\u{…}`.
///
/// The characters are those that can move a cursor, reorder a line or hide in one (Unicode
/// Technical Report 36, section 2.5; CVE-2021-42574).
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Whether a character shows nothing of itself but changes how others are shown.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A value as an error quotes it: in backticks, escaped, shortened, secrets blanked out.
pub fn quoted(value: &str) -> String {
    if looks_like_a_secret(value) {
        return BLANKED.to_owned();
    }
    let mut short: String = value.chars().take(SHOWN).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("`{}`", escaped(&short))
}

/// Whether a secret, or a long part of one, stands anywhere in the text.
pub fn looks_like_a_secret(text: &str) -> bool {
    find_secret(text).is_some()
}

/// Blanks out whatever looks like a secret, or like a long part of one.
pub fn scrubbed(text: &str) -> Cow<'_, str> {
    let mut rest = text;
    let mut out = String::new();
    while let Some((start, end)) = find_secret(rest) {
        out.push_str(&rest[..start]);
        out.push_str(BLANKED);
        rest = &rest[end..];
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the first thing that looks like a secret starts and ends, in bytes.
fn find_secret(text: &str) -> Option<(usize, usize)> {
    let mut start = None;
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        let within = character.is_ascii_alphanumeric() || character == '-';
        match start {
            None if within => start = Some(at),
            Some(from) if !within => {
                if let Some(part) = secret_start(&text[from..at]) {
                    return Some((from + part, at));
                }
                start = None;
            }
            _ => {}
        }
    }
    None
}

/// Where in a run of letters, digits and dashes a secret begins.
fn secret_start(run: &str) -> Option<usize> {
    if run.len() < SHORTEST_PART {
        return None;
    }
    let lower = run.to_ascii_lowercase();
    let prefixed = ["xkey", "xsmtp"]
        .iter()
        .flat_map(|prefix| lower.match_indices(prefix));
    let prefixed = prefixed
        .map(|(at, _)| at)
        .filter(|&at| has_secret_body(&lower[at..]));
    prefixed.chain(hex_run(&lower)).chain(ending(&lower)).min()
}

/// Whether a prefix and a brand, of at most 17 characters, are followed by a dash and eight
/// hex digits.
pub(super) fn has_secret_body(text: &str) -> bool {
    let text = text.as_bytes();
    let dash = text.iter().take(5 + 12 + 1).position(|&byte| byte == b'-');
    let body = dash.and_then(|dash| text.get(dash + 1..dash + 9));
    body.is_some_and(|body| body.iter().all(u8::is_ascii_hexdigit))
}

/// Where a secret's last part begins: eight hex digits or more, a dash and a tail.
fn ending(run: &str) -> Option<usize> {
    let (before, tail) = run.rsplit_once('-')?;
    let start = before
        .trim_end_matches(|digit: char| digit.is_ascii_hexdigit())
        .len();
    (tail.len() == TAIL && before.len() - start >= 8).then_some(start)
}

/// Where a run of at least [`HEX_RUN`] hex digits begins.
fn hex_run(text: &str) -> Option<usize> {
    let mut length = 0;
    for (at, byte) in text.bytes().enumerate() {
        length = if byte.is_ascii_hexdigit() {
            length + 1
        } else {
            0
        };
        if length == HEX_RUN {
            return Some(at + 1 - HEX_RUN);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "xkeypost-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef-ABCDEFGHIJ012345";

    #[test]
    fn a_secret_is_blanked_out_wherever_it_stands() {
        for text in [
            SECRET.to_owned(),
            format!("--name={SECRET}!"),
            format!("a \"{SECRET}\" b"),
        ] {
            assert!(!scrubbed(&text).contains("01234567"), "{text}");
        }
        assert_eq!(scrubbed(&format!("a {SECRET} b")), format!("a {BLANKED} b"));
    }

    #[test]
    fn a_long_part_of_a_secret_is_blanked_out_too() {
        assert!(looks_like_a_secret(&SECRET[..30]));
        assert!(looks_like_a_secret(&SECRET[12..64]));
        assert!(looks_like_a_secret(&SECRET[60..]));
        assert!(looks_like_a_secret(&SECRET.to_uppercase()));
        assert!(looks_like_a_secret("xkey-xkeypost-0123456789"));
    }

    #[test]
    fn ordinary_words_are_left_alone() {
        for text in [
            "my-key",
            "xkeypost",
            "xsmtp-relay",
            "c0ffee",
            "xkey-production-eu",
        ] {
            assert_eq!(scrubbed(text), text);
        }
    }

    #[test]
    fn invisible_characters_are_spelled_out() {
        assert_eq!(
            escaped("a\x1b[2Jb\u{202e}c\u{9b}"),
            "a\\u{1b}[2Jb\\u{202e}c\\u{9b}"
        );
        assert_eq!(escaped("grün 邮件"), "grün 邮件");
    }
}
