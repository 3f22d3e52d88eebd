//! Parts of a text around offsets at which it can be read in another way.

use std::ops::Range;

use crate::key::format::MAX_LENGTH;

/// How much of a word that looks like a secret is examined.
pub(super) const MAX_WORD: usize = MAX_LENGTH + 60;

/// The maximum distance of a secret's start or end from an offset in it. A longer one has such
/// offsets on each of its lines.
const CONTEXT: usize = 2 << 10;

/// Spans in order: everything that a secret with one of the offsets in it may cover.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<Range<usize>>);

impl Parts {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds what is around an offset after all previous ones.
    pub(super) fn add(&mut self, text: &[u8], offset: usize) {
        let (start, end) = (
            offset.saturating_sub(CONTEXT),
            text.len().min(offset.saturating_add(CONTEXT)),
        );
        match self.0.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => self.0.push(word_start(text, start)..end),
        }
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Range<usize>> {
        self.0.into_iter()
    }
}

/// The start of the word around an offset, if it is not too long.
fn word_start(text: &[u8], offset: usize) -> usize {
    let before = text[..offset].iter().rev().take(MAX_WORD);
    offset
        - before
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_covers_what_a_secret_may_reach() {
        let text = [b'.'; 9 * CONTEXT];
        let parts = |places: &[usize]| {
            let mut parts = Parts::default();
            places.iter().for_each(|&offset| parts.add(&text, offset));
            let ends = |part: Range<usize>| (part.start, part.end);
            parts.into_iter().map(ends).collect::<Vec<_>>()
        };
        assert_eq!(parts(&[]), []);
        assert_eq!(parts(&[0]), [(0, CONTEXT)]);
        assert_eq!(parts(&[9 * CONTEXT - 1]), [(8 * CONTEXT - 1, 9 * CONTEXT)]);
        assert_eq!(
            parts(&[CONTEXT, 2 * CONTEXT, 3 * CONTEXT]),
            [(0, 4 * CONTEXT)]
        );
        assert_eq!(
            parts(&[CONTEXT, 4 * CONTEXT]),
            [(0, 2 * CONTEXT), (3 * CONTEXT, 5 * CONTEXT)]
        );
    }

    #[test]
    fn a_part_begins_where_a_word_does() {
        let words = b" word".repeat(CONTEXT);
        for offset in CONTEXT..CONTEXT + 5 {
            let mut parts = Parts::default();
            parts.add(&words, offset);
            let part = parts.into_iter().next().expect("a part");
            assert_eq!(part.start, (offset - CONTEXT).min(1), "{offset}");
        }
        let mut parts = Parts::default();
        parts.add(&[b'x'; 3 * CONTEXT], 2 * CONTEXT);
        let part = parts.into_iter().next().expect("a part");
        assert_eq!(part.start, CONTEXT - MAX_WORD);
    }
}
