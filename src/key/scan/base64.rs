//! Base64 (RFC 4648, either alphabet) and plain hex, decoded wherever in a text they begin.

use std::ops::Range;

use strum::VariantArray;

use super::decoded::Decoded;
use super::likely::{TextParts, is_text};

/// What several characters stand for bytes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub(super) enum Radix {
    /// Base64.
    Base64,
    /// Two hex digits a byte.
    Hex,
}

impl Radix {
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
            match self {
                Self::Base64 => self.decode_likely(text, run, &mut take),
                Self::Hex => {
                    for from in run.start..run.start + self.group().0 {
                        self.decode_from(text, from, run.end, run.end, &mut take);
                    }
                }
            }
        }
    }

    /// The same of a run of base64, only where whole groups of it stand for text.
    fn decode_likely(self, text: &[u8], run: Range<usize>, take: &mut impl FnMut(Decoded)) {
        // Up to where each phase was read.
        let mut done: [usize; GROUP] = std::array::from_fn(|phase| run.start + phase);
        for at in likely(&text[run.clone()]).map(|at| run.start + at) {
            let done = &mut done[(at - run.start) % GROUP];
            if at >= *done {
                let from = at - LOOKBACK.min(at - *done);
                *done = self.decode_from(text, from, at + PROBE, run.end, take);
            }
        }
    }

    /// The same from a place on, up to where no text goes on behind another place.
    ///
    /// Returns up to where it read.
    fn decode_from(
        self,
        text: &[u8],
        from: usize,
        least: usize,
        end: usize,
        take: &mut impl FnMut(Decoded),
    ) -> usize {
        let encoded = &text[from..end];
        let (characters, bytes) = self.group();
        let mut parts = TextParts::default();
        let mut at = 0;
        for group in encoded.chunks(characters) {
            self.bytes(group, |byte| {
                if let Some(part) = parts.push(byte) {
                    take(self.part(encoded, part, from));
                }
            });
            at += bytes;
            let read = from + at / bytes * characters;
            if read >= least && parts.is_idle() {
                return read;
            }
        }
        if let Some(part) = parts.end() {
            take(self.part(encoded, part, from));
        }
        end
    }

    /// Where in a text enough of its characters stand in a row. What is not between them is mostly
    /// not looked at.
    fn runs(self, text: &[u8]) -> impl Iterator<Item = Range<usize>> {
        let is_one = move |&byte: &u8| self.value(byte) != NONE;
        let mut at = 0;
        std::iter::from_fn(move || {
            loop {
                let first = text.get(at..at + self.fewest())?;
                let Some(other) = first.iter().rposition(|byte| !is_one(byte)) else {
                    let start = at;
                    let more = text[at + self.fewest()..].iter();
                    at += self.fewest() + more.take_while(|byte| is_one(byte)).count();
                    return Some(start..at);
                };
                at += other + 1;
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

/// How many characters of base64 make a group.
const GROUP: usize = 4;

/// How many of them have to stand for text before a run of them is decoded. With fewer there is
/// no room for what begins a secret.
const PROBE: usize = 3 * GROUP;

/// How many before these are decoded, too.
const LOOKBACK: usize = 6 * GROUP;

/// Where in a run of base64 a few groups begin that stand for nothing but text.
fn likely(run: &[u8]) -> impl Iterator<Item = usize> {
    // Of the groups that the last characters may be in, which stand for text up to here; and of
    // the last places, at which of them a whole one ended, the newest in the lowest bit.
    let (mut pair, mut begun, mut whole) = (0_usize, 0_u8, 0_u32);
    run.iter().enumerate().filter_map(move |(at, &byte)| {
        pair = (pair << 6 | usize::from(BASE64[usize::from(byte)])) & 0xfff;
        let texts = begun & TEXTS[pair];
        begun = texts << 1 | 1;
        whole = whole << 1 | u32::from(texts >> 2 & 1);
        (whole & 0x111 == 0x111).then(|| at + 1 - PROBE)
    })
}

/// For two characters of base64 in a row, whether they are text as the first byte of a group, as
/// its second and as its third, in one bit each.
static TEXTS: [u8; 1 << 12] = {
    let mut texts = [0; 1 << 12];
    let mut pair = 0;
    while pair < texts.len() {
        let mut place = 0;
        while place < 3 {
            let byte = (pair >> (4 - 2 * place)) as u8;
            if is_text(byte) {
                texts[pair] |= 1 << place;
            }
            place += 1;
        }
        pair += 1;
    }
    texts
};

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
    let (small_scanner, large) = (b"0123456789abcdef", b"0123456789ABCDEF");
    let mut at = 0;
    while at < small_scanner.len() {
        values[small_scanner[at] as usize] = at as u8;
        values[large[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// What a character of base64 stands for.
pub(super) fn digit(byte: u8) -> Option<u8> {
    Some(BASE64[usize::from(byte)]).filter(|&value| value != NONE)
}
