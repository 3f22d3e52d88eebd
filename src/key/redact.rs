//! Makes untrusted text safe to print: escapes it, shortens it, and removes secrets.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use zeroize::Zeroizing;

use crate::key::scan::spans;

/// Replaces anything that looks like a secret.
const PLACEHOLDER: &str = "[secret not shown]";

/// How many characters of an invalid value an error shows.
const MAX_SHOWN: usize = 80;

/// Replaces control, C1, bidi and other invisible characters by `\u{…}`.
///
/// These characters can move the cursor, reorder a line or hide in it (Unicode Technical Report 36,
/// section 2.5; CVE-2021-42574).
pub fn escape_controls(text: &str) -> Cow<'_, str> {
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

/// Whether a character is invisible but affects how others are shown.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The text without a leading byte order mark, as programs on Windows write it.
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// A value as errors quote it: in backticks, escaped, shortened, and without secrets.
pub fn quoted(value: &str) -> String {
    if looks_like_a_secret(value) {
        return PLACEHOLDER.to_owned();
    }
    let mut short: String = value.chars().take(MAX_SHOWN).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("`{}`", escape_controls(&short))
}

/// Whether the text contains a secret or a malformed one, in any encoding.
pub fn looks_like_a_secret(text: &str) -> bool {
    !spans(text.as_bytes()).is_empty()
}

/// Replaces secrets and malformed ones.
pub fn redact_secrets(text: &str) -> Cow<'_, str> {
    let spans = spans(text.as_bytes());
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(without_spans(text.as_bytes(), 0, spans))
}

/// The text from an offset on, with spans of it replaced; invalid UTF-8 is replaced, too.
fn without_spans(text: &[u8], mut from: usize, spans: Vec<Range<usize>>) -> String {
    let mut out = String::with_capacity(text.len() - from);
    let begin = from;
    for span in spans.into_iter().filter(|span| span.end > begin) {
        out.push_str(&String::from_utf8_lossy(&text[from..span.start.max(from)]));
        out.push_str(PLACEHOLDER);
        from = span.end;
    }
    out.push_str(&String::from_utf8_lossy(&text[from..]));
    out
}

/// Lines that may contain a secret, even one broken across several lines.
#[derive(Debug)]
pub struct Lines {
    /// The last line, and some of the text before it.
    text: Zeroizing<Vec<u8>>,
    /// The offset of the last line.
    start: usize,
}

/// How much of the text before a line is kept, in bytes.
const LOOKBACK: usize = 4 << 10;

impl Lines {
    /// No lines yet; longer ones than this, in bytes, will be truncated.
    pub fn no_longer_than(longest: usize) -> Self {
        Self {
            // The buffer never grows, which would leave copies of a secret behind.
            text: Zeroizing::new(Vec::with_capacity(2 * LOOKBACK + 1 + longest)),
            start: 0,
        }
    }

    /// Adds the next line, without its end; truncates it if it is too long.
    pub fn push(&mut self, line: &[u8]) {
        let longest = self.text.capacity() - 2 * LOOKBACK - 1;
        let line = &line[..line.len().min(longest)];
        if self.text.len() > 2 * LOOKBACK {
            let from = self.text.len() - LOOKBACK;
            self.text.copy_within(from.., 0);
            self.text.truncate(LOOKBACK);
        }
        self.text.push(b'\n');
        self.start = self.text.len();
        self.text.extend_from_slice(line);
    }

    /// The last line, with parts of secrets replaced.
    pub fn last(&self) -> Zeroizing<String> {
        let from = self.start.saturating_sub(LOOKBACK);
        let text = &self.text[from..];
        Zeroizing::new(without_spans(text, self.start - from, spans(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64ct::{Base64, Encoding};

    const SECRET: &str = "xkeypost-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef-ABCDEFGHIJ012345";

    #[test]
    fn a_secret_is_redacted_wherever_it_is() {
        for text in [
            SECRET.to_owned(),
            format!("--name={SECRET}!"),
            format!("a \"{SECRET}\" b"),
        ] {
            assert!(!redact_secrets(&text).contains("01234567"), "{text}");
        }
        assert_eq!(
            redact_secrets(&format!("a {SECRET} b")),
            format!("a {PLACEHOLDER} b")
        );
    }

    #[test]
    fn malformed_secrets_are_redacted() {
        let mistyped = SECRET.replace("89ab", "98ab");
        let escape_controls = SECRET.replace('-', "%2D");
        let split = format!("{} {}", &SECRET[..30], &SECRET[30..]);
        for text in [
            &SECRET[..20],
            &SECRET[..30],
            &SECRET[9..],
            &SECRET[12..],
            &SECRET[40..],
            &SECRET.to_uppercase(),
            &SECRET[9..].to_uppercase(),
            "xkey-xkeypost-0123456789",
            &mistyped,
            &SECRET.replacen("01", "0z", 1),
            &SECRET.replace("f0", "zz"),
            &SECRET.replace("ef-", "e-"),
            &escape_controls,
            &escape_controls[12..],
            &split,
        ] {
            let shown = redact_secrets(text);
            assert!(shown.ends_with(PLACEHOLDER), "{text}: {shown}");
            assert!(
                !shown.to_ascii_lowercase().contains("456789ab"),
                "{text}: {shown}"
            );
            assert!(looks_like_a_secret(text), "{text}");
        }
    }

    #[test]
    fn a_secret_that_is_broken_into_lines_is_blanked_out_in_each() {
        let encoded = Base64::encode_string(format!("user:{SECRET}").as_bytes());
        for text in [SECRET, &encoded] {
            for at in [40, 60, 76] {
                let (head, rest) = text.split_at(at);
                let mut lines = Lines::no_longer_than(200);
                lines.push(b"got");
                assert_eq!(*lines.last(), "got");
                lines.push(head.as_bytes());
                let head = lines.last();
                assert!(
                    head.ends_with(PLACEHOLDER) && head.len() < 32,
                    "{at}: {head:?}"
                );
                lines.push(rest.as_bytes());
                assert_eq!(lines.last().trim_end_matches('='), PLACEHOLDER, "{at}");
                lines.push(b"done");
                assert_eq!(*lines.last(), "done");
            }
        }
    }

    #[test]
    fn ordinary_words_are_left_alone() {
        let digest = &SECRET[9..73];
        let path = format!("/var/lib/docker/overlay2/{digest}/merged/app.env");
        for text in [
            "my-key",
            "xkeypost",
            "xsmtp-relay",
            "c0ffee",
            "xkey-production-eu",
            "xkeyprod-20261128",
            digest,
            &path,
            "grün - 邮件",
        ] {
            assert_eq!(redact_secrets(text), text);
        }
    }

    #[test]
    fn invisible_characters_are_spelled_out() {
        assert_eq!(
            escape_controls("a\x1b[2Jb\u{202e}c\u{9b}"),
            "a\\u{1b}[2Jb\\u{202e}c\\u{9b}"
        );
        assert_eq!(escape_controls("grün 邮件"), "grün 邮件");
    }
}
