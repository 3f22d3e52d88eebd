//! Candidates for secrets in a decoded text: their location and contents.

use std::ops::Range;

use super::base64::digit;
use super::malformed;
use super::pattern::{Match, PatternStart, beginnings};
use super::walk::{TextReading, walk};

/// The minimum length of something undecodable in base64.
const MIN_BASE64: usize = 32;

/// Something with the prefix of a secret, or of something undecodable.
pub(super) enum Candidate<'a> {
    /// A text with a secret's prefix.
    Secret(CandidateText<'a>),
    /// Something undecodable, by its name.
    Unreadable(&'static str),
}

/// A text with a secret's prefix, in upper or lower case.
pub(super) struct CandidateText<'a>(pub(super) &'a [u8]);

/// All candidates in a text, with their offsets in its view.
pub(super) fn candidates<'a>(
    reading: &TextReading<'a>,
) -> impl Iterator<Item = (usize, Candidate<'a>)> + use<'a> {
    let reading = *reading;
    let all = beginnings(reading.view.bytes());
    all.filter_map(move |found| Some((found.at, candidate(found, &reading)?)))
}

fn candidate<'a>(
    Match { at, beginning }: Match,
    reading: &TextReading<'a>,
) -> Option<Candidate<'a>> {
    let text = reading.view.bytes();
    match beginning {
        PatternStart::Secret => Some(Candidate::Secret(CandidateText(&text[at..]))),
        PatternStart::Unreadable(what) => Some(Candidate::Unreadable(what)),
        PatternStart::UnreadableBase64(what) => {
            let start = reading.view.decoded.raw_at(at);
            let before = start.checked_sub(1).map(|before| reading.text[before]);
            let is_apart = before.and_then(digit).is_none_or(|digit| digit > 61);
            let digits = text[at..].iter().take(MIN_BASE64);
            let is_long = digits.filter_map(|&byte| digit(byte)).count() == MIN_BASE64;
            (is_apart && is_long).then_some(Candidate::Unreadable(what))
        }
    }
}

impl CandidateText<'_> {
    /// The length of the secret, or malformed one, in the view.
    pub(super) fn malformed_length(&self) -> Option<usize> {
        malformed::length(self.0)
    }
}

/// The spans of secrets and malformed ones in a text, in order and not nested.
pub(in crate::key) fn spans(raw: &[u8]) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = malformed::headless_secrets(raw).collect();
    walk(raw, &mut |reading| {
        for (start, candidate) in candidates(reading) {
            if let Candidate::Secret(text_score) = candidate
                && let Some(length) = text_score.malformed_length()
            {
                spans.push(reading.layer.raw_range(start..start + length));
            }
        }
        let headless_secrets = malformed::headless_secrets(reading.view.bytes());
        let headless_secrets = headless_secrets.map(|part| reading.layer.raw_range(part));
        let whole = |span: &Range<usize>| !raw[span.clone()].iter().any(u8::is_ascii_whitespace);
        spans.extend(headless_secrets.filter(whole));
    });
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
