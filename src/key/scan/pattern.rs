//! What a secret begins with, in each form in which it may stand in a text, and the beginnings of
//! what cannot be read.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::key::Kind;

/// What begins at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// A secret's prefix.
    Plain,
    /// A secret's prefix in base64.
    Base64(Shift),
    /// Something that could hold a secret and cannot be read.
    Unreadable(&'static str),
    /// The same in base64.
    UnreadableBase64(&'static str),
}

/// Where in a group of four characters of base64 a secret begins: after so many whole bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift(usize);

impl Shift {
    /// How many characters before the first one that is known the secret begins.
    pub(super) fn lead(self) -> usize {
        usize::from(self.0 > 0)
    }

    /// How many bits of that character are not the secret's.
    pub(super) fn bits(self) -> usize {
        2 * self.0
    }
}

/// The beginnings of files and texts that are compressed or encrypted, as they read once blanks
/// and null bytes are dropped.
const UNREADABLE: [(&[u8], &str); 10] = [
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
];

/// The same in base64; gzip in it twice is how Helm keeps its releases.
const UNREADABLE_IN_BASE64: [(&[u8], &str); 7] = [
    (b"H4sI", "gzip"),
    (b"SDRzS", "gzip"),
    (b"UEsDB", "zip"),
    (b"Td6WFoA", "xz"),
    (b"KLUv/", "zstd"),
    (b"QlpoO", "bzip2"),
    (b"U2FsdGVkX1", "encrypted OpenSSL"),
];

/// A beginning that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) at: usize,
    pub(super) beginning: Beginning,
}

/// Everything that begins in a text, from left to right.
pub(super) fn beginnings(text: &[u8]) -> impl Iterator<Item = Match> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let found = BEGINNINGS.words.find(&text[from..])?;
            let at = from + found.start();
            from = at + 1;
            let (word, beginning) = &BEGINNINGS.all[found.pattern().as_usize()];
            // Only what is no secret's beginning has to be as it is to the case.
            if *beginning == Beginning::Plain || text[at..].starts_with(word) {
                let beginning = *beginning;
                return Some(Match { at, beginning });
            }
        }
    })
}

struct Beginnings {
    words: AhoCorasick,
    all: Vec<(Vec<u8>, Beginning)>,
}

static BEGINNINGS: LazyLock<Beginnings> = LazyLock::new(|| {
    let all = all();
    let words = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostFirst)
        .build(all.iter().map(|(word, _)| word));
    Beginnings {
        words: words.expect("a few short words can be searched for"),
        all,
    }
});

fn all() -> Vec<(Vec<u8>, Beginning)> {
    let plain = Kind::ALL.map(|kind| (kind.prefix().into(), Beginning::Plain));
    let prefixes = Kind::ALL.map(|kind| kind.prefix().as_bytes().to_vec());
    // As PowerShell encodes commands: UTF-16, in which each letter is followed by a null byte.
    let wide = Kind::ALL.map(|kind| {
        let letters = kind.prefix().bytes().flat_map(|letter| [0, letter]);
        letters.skip(1).collect::<Vec<u8>>()
    });
    let encoded = prefixes.iter().chain(&wide).flat_map(|prefix| {
        [Shift(0), Shift(1), Shift(2)]
            .map(|shift| (in_base64(prefix, shift), Beginning::Base64(shift)))
    });
    let unreadable = UNREADABLE.map(|(word, what)| (word.to_vec(), Beginning::Unreadable(what)));
    let in_base64 =
        UNREADABLE_IN_BASE64.map(|(word, what)| (word.to_vec(), Beginning::UnreadableBase64(what)));
    let plain = plain.into_iter().chain(encoded);
    plain.chain(unreadable).chain(in_base64).collect()
}

/// The characters of base64 (RFC 4648, section 4) that a word alone decides, wherever it stands.
fn in_base64(word: &[u8], shift: Shift) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |at: usize| usize::from(word[at / 8] >> (7 - at % 8) & 1);
    let first = (6 - shift.bits()) % 6;
    let whole = (8 * word.len() - first) / 6;
    let digit = |at: usize| (0..6).fold(0, |digit, next| digit << 1 | bit(first + 6 * at + next));
    (0..whole).map(|at| ALPHABET[digit(at)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_beginning_hides_another() {
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
