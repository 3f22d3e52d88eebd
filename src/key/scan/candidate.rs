//! What may be a secret: where it is in a view, and how it reads.

use std::ops::Range;

use zeroize::Zeroizing;

use super::near;
use super::pattern::{Beginning, Match, Shift, beginnings};
use super::view::View;
use crate::key::secret::{LONGEST, Malformed, Secret, shaped};

/// How many characters of base64 something unreadable has at least.
const SHORTEST_BASE64: usize = 32;

/// Something that begins as a secret does, or as what cannot be read does.
pub(super) enum Candidate<'a> {
    /// What begins with a secret's prefix.
    Secret(Likely<'a>),
    /// What this is the name of.
    Unreadable(&'static str),
}

/// A text that begins with a secret's prefix, in any case.
pub(super) struct Likely<'a> {
    text: Text<'a>,
}

enum Text<'a> {
    Plain(&'a [u8]),
    Decoded(Decoded),
}

/// What was read from base64.
struct Decoded {
    text: Zeroizing<Vec<u8>>,
    shift: Shift,
    /// How many bytes each character took.
    width: usize,
}

/// All candidates of a view, and where in it each begins.
pub(super) fn candidates<'a>(
    view: &'a View,
    raw: &'a [u8],
) -> impl Iterator<Item = (usize, Candidate<'a>)> {
    beginnings(view.bytes()).filter_map(move |found| candidate(found, view, raw))
}

fn candidate<'a>(
    Match { at, beginning }: Match,
    view: &'a View,
    raw: &[u8],
) -> Option<(usize, Candidate<'a>)> {
    let text = view.bytes();
    let likely = |text| Candidate::Secret(Likely { text });
    match beginning {
        Beginning::Plain => Some((at, likely(Text::Plain(&text[at..])))),
        Beginning::Base64(shift) => {
            let start = at.checked_sub(shift.lead())?;
            let decoded = Decoded::read(&text[start..], shift)?;
            Some((start, likely(Text::Decoded(decoded))))
        }
        Beginning::Unreadable(what) => Some((at, Candidate::Unreadable(what))),
        Beginning::UnreadableBase64(what) => {
            let start = view.raw_at(at);
            let is_apart = start == 0 || digit(raw[start - 1]).is_none_or(|digit| digit > 61);
            let digits = text[at..].iter().take(SHORTEST_BASE64);
            let is_long = digits.filter_map(|&byte| digit(byte)).count() == SHORTEST_BASE64;
            (is_apart && is_long).then_some((at, Candidate::Unreadable(what)))
        }
    }
}

impl Likely<'_> {
    fn text(&self) -> &[u8] {
        match &self.text {
            Text::Plain(text) => text,
            Text::Decoded(decoded) => &decoded.text,
        }
    }

    /// How many characters of the view so many of its own take.
    fn width(&self, length: usize) -> usize {
        match &self.text {
            Text::Plain(_) => length,
            Text::Decoded(of) => {
                let bytes = length.saturating_sub(1) * of.width + 1;
                (of.shift.bits() + 8 * bytes).div_ceil(6)
            }
        }
    }

    /// The secret that it is, if its checksum is right.
    pub(super) fn secret(&self) -> Option<Secret> {
        Secret::parse(shaped(self.text())?).ok()
    }

    /// How much of the view is a secret or nearly one.
    pub(super) fn nearly(&self) -> Option<usize> {
        near::length(self.text()).map(|length| self.width(length))
    }

    /// What is wrong with what is nearly a secret.
    pub(super) fn fault(&self) -> Option<Malformed> {
        let text = self.text();
        let text = &text[..near::length(text)?];
        Secret::parse(std::str::from_utf8(text).ok()?).err()
    }
}

impl Decoded {
    /// Reads base64 as far as it can be a secret's; `None` if it is none.
    fn read(encoded: &[u8], shift: Shift) -> Option<Self> {
        let mut text = Zeroizing::new(Vec::with_capacity(LONGEST));
        let mut bytes = bytes(encoded, shift).peekable();
        let first = bytes.next()?;
        text.push(first);
        let width = if bytes.peek() == Some(&0) { 2 } else { 1 };
        let mut is_branded = false;
        for byte in bytes.filter(|&byte| byte != 0).take(LONGEST - 1) {
            is_branded |= byte == b'-';
            let is_within = byte == b'-' || byte.is_ascii_alphanumeric();
            if !is_within || (!is_branded && text.len() > BEFORE_DASH) {
                break;
            }
            text.push(byte);
        }
        is_branded.then_some(Self { text, shift, width })
    }
}

/// The most characters before a secret's first dash.
const BEFORE_DASH: usize = 5 + 12;

/// The bytes of base64 in either alphabet (RFC 4648), as far as it goes.
fn bytes(encoded: &[u8], shift: Shift) -> impl Iterator<Item = u8> {
    let mut digits = encoded.iter().map_while(|&byte| digit(byte));
    let (mut bits, mut count) = (0_u32, 0);
    let mut skipped = shift.bits();
    std::iter::from_fn(move || {
        while count < 8 {
            bits = bits << 6 | u32::from(digits.next()?);
            count += 6 - skipped;
            skipped = 0;
        }
        count -= 8;
        Some((bits >> count) as u8)
    })
}

/// What a character of base64 stands for.
fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Where in a text secrets and what is nearly one are: in order, and none within another.
pub(in crate::key) fn spans(raw: &[u8]) -> Vec<Range<usize>> {
    use super::view::Marks;

    let mut spans: Vec<Range<usize>> = near::endings(raw).collect();
    for marks in [Marks::Dashes, Marks::Dropped] {
        let view = View::of(raw, marks);
        for (start, candidate) in candidates(&view, raw) {
            if let Candidate::Secret(likely) = candidate
                && let Some(length) = likely.nearly()
            {
                spans.push(view.raw_range(start..start + length));
            }
        }
        let whole = |span: &Range<usize>| !raw[span.clone()].iter().any(u8::is_ascii_whitespace);
        let endings = near::endings(view.bytes()).map(|part| view.raw_range(part));
        spans.extend(endings.filter(whole));
        if !view.has_marks() {
            break;
        }
    }
    merged(spans)
}

fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| span.start);
    spans.dedup_by(|next, last| {
        let is_within = next.start <= last.end;
        if is_within {
            last.end = last.end.max(next.end);
        }
        is_within
    });
    spans
}
