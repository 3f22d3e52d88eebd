//! Decodes base64 (RFC 4648, either alphabet) and plain hex anywhere in a text.

use std::ops::Range;

use strum::VariantArray;

use super::decoded::Decoded;
use super::text_score::{TextParts, is_text};

/// Encodings of several characters per group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub(super) enum Radix {
    /// Base64.
    Base64,
    /// Two hex digits per byte.
    Hex,
}

impl Radix {
    /// The minimum length: enough for a secret's prefix.
    fn fewest(self) -> usize {
        match self {
            Self::Base64 => 20,
            Self::Hex => 30,
        }
    }

    /// The characters and the bytes of a group.
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

    /// Passes on each encoded part of a text, decoded from each character of a group on, since
    /// preceding text may look encoded.
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

    /// The same for a run of base64, but only where whole groups decode to text.
    fn decode_likely(self, text: &[u8], run: Range<usize>, take: &mut impl FnMut(Decoded)) {
        // The end of what was decoded, for each phase.
        let mut done: [usize; GROUP] = std::array::from_fn(|phase| run.start + phase);
        for at in text_score(&text[run.clone()]).map(|at| run.start + at) {
            let done = &mut done[(at - run.start) % GROUP];
            if at >= *done {
                let from = at - LOOKBACK.min(at - *done);
                *done = self.decode_from(text, from, at + PROBE, run.end, take);
            }
        }
    }

    /// The same from an offset on, until no phase yields text any more.
    ///
    /// Returns the end of what was decoded.
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

    /// The parts of a text with enough encoded characters in a row. The rest is mostly not
    /// examined.
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

    /// Decodes all whole groups, and what can be decoded of an incomplete last one.
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

/// The characters in a group of base64.
const GROUP: usize = 4;

/// How many characters must decode to text before a run is decoded: the encoded prefix of a secret
/// has at least as many.
const PROBE: usize = 3 * GROUP;

/// How many characters before these are decoded, too.
const LOOKBACK: usize = 6 * GROUP;

/// The offsets in a run of base64 at which a few groups begin that decode to nothing but text.
fn text_score(run: &[u8]) -> impl Iterator<Item = usize> {
    // For the groups that the last characters may belong to: which have decoded to text so far; and
    // for the last offsets, whether a group ended there, the newest in the lowest bit.
    let (mut pair, mut begun, mut whole) = (0_usize, 0_u8, 0_u32);
    run.iter().enumerate().filter_map(move |(at, &byte)| {
        pair = (pair << 6 | usize::from(BASE64[usize::from(byte)])) & 0xfff;
        let texts = begun & TEXTS[pair];
        begun = texts << 1 | 1;
        whole = whole << 1 | u32::from(texts >> 2 & 1);
        (whole & 0x111 == 0x111).then(|| at + 1 - PROBE)
    })
}

/// For two successive characters of base64, one bit each for whether they are text as the first,
/// second and third byte of a group.
static TEXTS: [u8; 1 << 12] = {
    let mut texts = [0; 1 << 12];
    let mut pair = 0;
    while pair < texts.len() {
        let mut position = 0;
        while position < 3 {
            let byte = (pair >> (4 - 2 * position)) as u8;
            if is_text(byte) {
                texts[pair] |= 1 << position;
            }
            position += 1;
        }
        pair += 1;
    }
    texts
};

/// Not a character of the encoding.
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

/// The value of a base64 character.
pub(super) fn digit(byte: u8) -> Option<u8> {
    Some(BASE64[usize::from(byte)]).filter(|&value| value != NONE)
}
