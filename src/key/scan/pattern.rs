//! Prefixes of secrets, and of formats that cannot be decoded.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use strum::VariantArray;

use crate::key::Kind;

/// What begins at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatternStart {
    /// A secret's prefix.
    Secret,
    /// A format that may contain a secret, but cannot be decoded.
    Unreadable(&'static str),
    /// The same in base64.
    UnreadableBase64(&'static str),
}

/// Prefixes of compressed, encrypted or otherwise undecodable files and texts, without whitespace
/// and null bytes.
const UNREADABLE: [(&[u8], &str); 12] = [
    (b"\x1f\x8b\x08", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"1AY&SY", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"PACK\x02", "Git pack"),
    (b"-----BEGINPGPMESSAGE-----", "encrypted PGP"),
    (b"-----BEGINAGEENCRYPTEDFILE-----", "encrypted age"),
    (b"age-encryption.org/v1", "encrypted age"),
    (b"begin644", "uuencoded"),
    (b"begin600", "uuencoded"),
];

/// The same in base64.
const UNREADABLE_IN_BASE64: [(&[u8], &str); 6] = [
    (b"H4sI", "gzip"),
    (b"UEsDB", "zip"),
    (b"Td6WFoA", "xz"),
    (b"KLUv/", "zstd"),
    (b"QlpoO", "bzip2"),
    (b"U2FsdGVkX1", "encrypted OpenSSL"),
];

/// A prefix that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) at: usize,
    pub(super) beginning: PatternStart,
}

/// All prefixes in a text, in order.
pub(super) fn beginnings(text: &[u8]) -> impl Iterator<Item = Match> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let found = STARTS.words.find(&text[from..])?;
            let at = from + found.start();
            from = at + 1;
            let (word, beginning) = &STARTS.all[found.pattern().as_usize()];
            // Only prefixes of secrets may differ in case.
            if *beginning == PatternStart::Secret || text[at..].starts_with(word) {
                let beginning = *beginning;
                return Some(Match { at, beginning });
            }
        }
    })
}

struct PatternStarts {
    words: AhoCorasick,
    all: Vec<(Vec<u8>, PatternStart)>,
}

static STARTS: LazyLock<PatternStarts> = LazyLock::new(|| {
    let all = all();
    let words = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostFirst)
        .build(all.iter().map(|(word, _)| word));
    PatternStarts {
        words: words.expect("a few short words can be searched for"),
        all,
    }
});

fn all() -> Vec<(Vec<u8>, PatternStart)> {
    let secrets = Kind::VARIANTS
        .iter()
        .map(|kind| (kind.prefix().into(), PatternStart::Secret));
    let unreadable = UNREADABLE.map(|(word, what)| (word.to_vec(), PatternStart::Unreadable(what)));
    let in_base64 = UNREADABLE_IN_BASE64
        .map(|(word, what)| (word.to_vec(), PatternStart::UnreadableBase64(what)));
    secrets
        .into_iter()
        .chain(unreadable)
        .chain(in_base64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_hides_another() {
        let all = all();
        for (at, (word, _)) in all.iter().enumerate() {
            let hides = |other: &[u8]| {
                let start = other.get(..word.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(word))
            };
            let hidden: Vec<_> = all[at + 1..]
                .iter()
                .filter(|(other, _)| hides(other))
                .collect();
            assert!(hidden.is_empty(), "{word:?} hides {hidden:?}");
        }
    }
}
