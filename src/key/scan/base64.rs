//! Base64 (RFC 4648, either alphabet) and plain hex, decoded wherever in a text they begin.

use std::ops::Range;

use super::decoded::Decoded;
use super::likely::Parts;

/// What several characters stand for bytes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Radix {
    /// Base64.
    Base64,
    /// Two hex digits a byte.
    Hex,
}

impl Radix {
    pub(super) const ALL: [Self; 2] = [Self::Base64, Self::Hex];

    /// The fewest characters that are looked at: enough for what a secret begins with.
    fn fewest(self) -> usize {
        match self {
            Self::Base64 => 20,
            Self::Hex => 30,
        }
    }

    /// How many characters make how many bytes.
    fn group(self) -> (usize, usize) {
        match self {
            Self::Base64 => (4, 3),
            Self::Hex => (2, 1),
        }
    }

    fn value(self, byte: u8) -> u8 {
        match self {
            Self::Base64 => BASE64[usize::from(byte)],
            Self::Hex => HEX[usize::from(byte)],
        }
    }

    /// Hands over each part of a text that is encoded text, decoded from each character of a group
    /// on: what stands before it may look alike.
    pub(super) fn decode(self, text: &[u8], mut take: impl FnMut(Decoded)) {
        for run in self.runs(text) {
            for shift in 0..self.group().0 {
                let from = run.start + shift;
                let encoded = &text[from..run.end];
                let mut parts = Parts::default();
                self.bytes(encoded, |byte| {
                    if let Some(part) = parts.push(byte) {
                        take(self.part(encoded, part, from));
                    }
                });
                if let Some(part) = parts.end() {
                    take(self.part(encoded, part, from));
                }
            }
        }
    }

    /// Where in a text enough of its characters stand in a row.
    fn runs(self, text: &[u8]) -> impl Iterator<Item = Range<usize>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            loop {
                let is_one = |&byte: &u8| self.value(byte) != NONE;
                at += text.get(at..)?.iter().position(is_one)?;
                let start = at;
                at += text[start..].iter().take_while(|byte| is_one(byte)).count();
                if at - start >= self.fewest() {
                    return Some(start..at);
                }
            }
        })
    }

    /// All bytes that whole groups of characters stand for, and those of a last one that is not.
    #[inline]
    fn bytes(self, encoded: &[u8], mut take: impl FnMut(u8)) {
        let (characters, bytes) = self.group();
        let bits = 8 * bytes / characters;
        for group in encoded.chunks(characters) {
            let number = group.iter().fold(0_u32, |number, &byte| {
                number << bits | u32::from(self.value(byte))
            });
            let whole = bits * group.len() / 8;
            let number = number >> (bits * group.len() - 8 * whole);
            for byte in (0..whole).rev() {
                take((number >> (8 * byte)) as u8);
            }
        }
    }

    fn part(self, encoded: &[u8], part: Range<usize>, from: usize) -> Decoded {
        let (characters, bytes) = self.group();
        let mut decoded = Decoded::with_capacity(part.len());
        let first = part.start / bytes;
        let group = &encoded[first * characters..];
        let group = &group[..group.len().min(part.end.div_ceil(bytes) * characters)];
        let mut at = first * bytes;
        self.bytes(group, |byte| {
            if part.contains(&at) {
                let raw = at * characters / bytes;
                let end = ((at + 1) * characters).div_ceil(bytes);
                decoded.push(&[byte], from + raw, (end - raw).max(2));
            }
            at += 1;
        });
        decoded.end(from + encoded.len());
        decoded
    }
}

/// What stands for nothing.
const NONE: u8 = 0xff;

static BASE64: [u8; 256] = {
    let mut values = [NONE; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < alphabet.len() {
        values[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
};

static HEX: [u8; 256] = {
    let mut values = [NONE; 256];
    let (small, large) = (b"0123456789abcdef", b"0123456789ABCDEF");
    let mut at = 0;
    while at < small.len() {
        values[small[at] as usize] = at as u8;
        values[large[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// What a character of base64 stands for.
pub(super) fn digit(byte: u8) -> Option<u8> {
    Some(BASE64[usize::from(byte)]).filter(|&value| value != NONE)
}
