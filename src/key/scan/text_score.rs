//! Finds text in decoded bytes: what was not encoded, or decoded from the wrong offset, yields
//! arbitrary bytes.

use std::ops::Range;

/// By how much text must outweigh other bytes for a part to be examined. In random bytes, that
/// happens at one of some hundred offsets.
const MIN_SCORE: i32 = 12;

/// By how much the score must drop from its maximum for a part to end.
const MAX_DROP: i32 = 24;

/// Finds text in a sequence of bytes.
#[derive(Default)]
pub(super) struct TextParts {
    at: usize,
    start: usize,
    score: i32,
    best: i32,
    end: usize,
}

impl TextParts {
    /// Adds the next byte; returns a part that ended before it.
    #[inline]
    pub(super) fn push(&mut self, byte: u8) -> Option<Range<usize>> {
        self.score += i32::from(SCORES[usize::from(byte)]);
        self.at += 1;
        if self.score > self.best {
            (self.best, self.end) = (self.score, self.at);
        } else if self.score <= 0 || self.score < self.best - MAX_DROP {
            return self.end();
        }
        None
    }

    /// Whether no part continues here.
    pub(super) fn is_idle(&self) -> bool {
        self.score <= 0
    }

    /// The part that ends here, if any.
    pub(super) fn end(&mut self) -> Option<Range<usize>> {
        let part = (self.best >= MIN_SCORE).then_some(self.start..self.end);
        (self.start, self.end) = (self.at, self.at);
        (self.score, self.best) = (0, 0);
        part
    }
}

/// Whether a byte occurs in text. In UTF-16, every second byte is null.
pub(super) const fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | 0 | b'\t' | b'\n' | b'\r' | 0x1b)
}

/// How strongly each byte suggests text.
static SCORES: [i8; 256] = {
    let mut scores = [-1; 256];
    let mut byte = 0;
    while byte < 0x80 {
        scores[byte] = if is_text(byte as u8) { 1 } else { -2 };
        byte += 1;
    }
    scores
};

#[cfg(test)]
mod tests {
    use super::*;
    use rand::TryRng;
    use rand::rngs::SysRng;

    fn parts(bytes: &[u8]) -> Vec<Range<usize>> {
        let mut parts = TextParts::default();
        let mut all: Vec<_> = bytes.iter().filter_map(|&byte| parts.push(byte)).collect();
        all.extend(parts.end());
        all
    }

    #[test]
    fn text_is_distinguished_from_other_bytes() {
        let text = "xkeypost\u{2011}0123456789abcdef".as_bytes();
        for (before, after) in [(&b"\xff\x01\x02"[..], &b"\x01\x02\xff"[..]), (b"", b"")] {
            let bytes = [before, text, after].concat();
            let start = before.len();
            let expected = start..start + text.len();
            assert_eq!(parts(&bytes), std::slice::from_ref(&expected));
        }
        assert!(parts(b"too short").is_empty());
    }

    #[test]
    fn random_bytes_are_rarely_text() {
        let mut bytes = vec![0; 1 << 16];
        SysRng.try_fill_bytes(&mut bytes).expect("random numbers");
        let text: usize = parts(&bytes).iter().map(Range::len).sum();
        assert!(text < bytes.len() / 8, "{text}");
    }
}
