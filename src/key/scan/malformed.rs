//! Recognizes secrets and malformed ones: truncated, mistyped, with changed case, or without their
//! prefix.
//!
//! A prefix and a good part of the rest are enough, and so are 64 hex digits with a tail. Hex
//! digits alone are not: digests, container ids and commits look the same.

use std::ops::Range;

use strum::VariantArray;

use crate::key::Kind;
use crate::key::format::{HEX, TAIL};

/// How many hex digits after a prefix suffice for part of a secret.
const MIN_DIGITS: usize = 8;

/// This many of a secret's hex digits are nearly all of them.
const MOST_DIGITS: usize = 48;

/// How many hex digits before a tail suffice for part of a secret: the first if it has letters of
/// both cases, the second if only a digit distinguishes it from a word.
const MIN_MIXED_TAIL: usize = 16;
const MIN_PLAIN_TAIL: usize = 32;

/// The possible lengths of a brand.
const BRAND_LENGTH: Range<usize> = 2..13;

/// How much of the text, which begins with a prefix, is a secret or a malformed one.
pub(in crate::key) fn length(text: &[u8]) -> Option<usize> {
    let mut prefixes = Kind::VARIANTS.iter().map(|kind| kind.prefix().as_bytes());
    let starts = |prefix: &&[u8]| {
        let start = text.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let prefix = prefixes.find(starts)?.len();
    let brand = count(&text[prefix..], BRAND_LENGTH.end, u8::is_ascii_alphanumeric);
    let dash = prefix + brand;
    if !BRAND_LENGTH.contains(&brand) || text.get(dash) != Some(&b'-') {
        return None;
    }
    let body = &text[dash + 1..];
    let digits = digits(body);
    if digits < MIN_DIGITS || is_date(&body[..digits]) {
        return None;
    }
    let end = dash + 1 + digits;
    let tail = match text.get(end) {
        Some(b'-') if digits >= MOST_DIGITS => {
            1 + count(&text[end + 1..], TAIL, u8::is_ascii_alphanumeric)
        }
        _ => 0,
    };
    Some(end + tail)
}

/// The number of hex digits at the start of a text, including a few mistyped ones.
fn digits(body: &[u8]) -> usize {
    let word = count(body, HEX, u8::is_ascii_alphanumeric);
    let right = body[..word].iter().filter(|byte| byte.is_ascii_hexdigit());
    match right.count() {
        right if right >= MIN_MIXED_TAIL && right * 8 >= word * 7 => word,
        _ => count(body, HEX, u8::is_ascii_hexdigit),
    }
}

/// Whether this many digits are probably a date or time, as at the end of a name.
fn is_date(digits: &[u8]) -> bool {
    digits.len() <= 14 && digits.starts_with(b"20") && digits.iter().all(u8::is_ascii_digit)
}

fn count(text: &[u8], most: usize, is_one: fn(&u8) -> bool) -> usize {
    text.iter()
        .take(most)
        .take_while(|byte| is_one(byte))
        .count()
}

/// The spans of secrets without their beginning: hex digits, a dash and a tail.
pub(super) fn headless_secrets(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    memchr::memchr_iter(b'-', text).filter_map(move |dash| headless_secret(text, dash))
}

fn headless_secret(text: &[u8], dash: usize) -> Option<Range<usize>> {
    let before = text[..dash].iter().rev();
    let digits = before
        .take(2 * HEX)
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let start = dash - digits;
    let is_apart = start == 0 || !text[start - 1].is_ascii_alphanumeric();
    let tail = &text[dash + 1..];
    let length = count(tail, TAIL + 1, u8::is_ascii_alphanumeric);
    let tail = tail.get(..TAIL).filter(|_| length == TAIL)?;
    let is_number = tail.iter().all(u8::is_ascii_hexdigit);
    let is_ending = match digits {
        _ if is_number => false,
        HEX if is_apart => true,
        96 | 128 if is_apart => is_mixed(tail),
        // Further digits are the rest of an escape before it.
        HEX.. => is_random(tail),
        MIN_PLAIN_TAIL..HEX => is_apart && is_random(tail),
        MIN_MIXED_TAIL..MIN_PLAIN_TAIL => is_apart && is_mixed(tail),
        _ => false,
    };
    is_ending.then_some(start..dash + 1 + TAIL)
}

/// Whether it has letters of both cases, as nearly every tail and few words do.
fn is_mixed(tail: &[u8]) -> bool {
    tail.iter().any(u8::is_ascii_uppercase) && tail.iter().any(u8::is_ascii_lowercase)
}

/// Whether it has letters of both cases or a digit, as all but one in a million tails do.
fn is_random(tail: &[u8]) -> bool {
    is_mixed(tail) || tail.iter().any(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "4bf92f3577b34da6a3ce929d0e0e47360f067aa0ba902b7c01d5f1c0ffee0123";

    fn is_ending(text: &str) -> bool {
        headless_secrets(text.as_bytes()).next().is_some()
    }

    #[test]
    fn headless_secrets_are_found_whatever_their_tails() {
        for tail in [
            "qwertyuiop012345",
            "QWERTYUIOP012345",
            "qwertyuiopASDFGH",
            "0000000000z00000",
            "Qwertyuiopasdfg7",
        ] {
            for before in ["2D", "2d", "x2D", "%252D", "055", "u002d", "Z"] {
                assert!(
                    is_ending(&format!("{before}{DIGITS}-{tail}")),
                    "{before} {tail}"
                );
            }
            for digits in [&DIGITS[1..], &DIGITS[24..], DIGITS] {
                assert!(is_ending(&format!("{digits}-{tail}")), "{digits} {tail}");
            }
        }
    }

    #[test]
    fn a_digest_before_a_word_or_number_is_not_a_headless_secret() {
        let (sha384, sha512) = (format!("{DIGITS}{}", &DIGITS[..32]), DIGITS.repeat(2));
        for digest in [&DIGITS[..40], DIGITS, &sha384, &sha512] {
            for behind in ["init", "linux", "0123456789abcdef", "0123456789", ""] {
                assert!(
                    !is_ending(&format!("{digest}-{behind}")),
                    "{digest} {behind}"
                );
            }
        }
        for digest in [&sha384, &sha512] {
            assert!(
                !is_ending(&format!("{digest}-release20261128x")),
                "{digest}"
            );
        }
        assert!(!is_ending(&format!("{DIGITS}2D-productionserver")));
    }
}
