//! Parts of a text around places in it, which may read otherwise than the rest.

use std::ops::Range;

use crate::key::format::MAX_LENGTH;

/// How much of a word that looks like a secret is looked at.
pub(super) const MAX_WORD: usize = MAX_LENGTH + 60;

/// How far from a place a secret may begin or end that has it in it. Where it reaches further, what
/// makes it so long stands in each of its lines.
const CONTEXT: usize = 2 << 10;

/// Parts, from left to right: all that a secret may reach to that has one of the places in it.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<Range<usize>>);

impl Parts {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds what is around a place that is behind all others.
    pub(super) fn add(&mut self, text: &[u8], place: usize) {
        let (start, end) = (
            place.saturating_sub(CONTEXT),
            text.len().min(place.saturating_add(CONTEXT)),
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

/// Where the word begins that a place is in, if it is not too long.
fn word_start(text: &[u8], place: usize) -> usize {
    let before = text[..place].iter().rev().take(MAX_WORD);
    place
        - before
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_a_secret_may_reach_to() {
        let text = [b'.'; 9 * CONTEXT];
        let parts = |places: &[usize]| {
            let mut parts = Parts::default();
            places.iter().for_each(|&place| parts.add(&text, place));
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
        for place in CONTEXT..CONTEXT + 5 {
            let mut parts = Parts::default();
            parts.add(&words, place);
            let part = parts.into_iter().next().expect("a part");
            assert_eq!(part.start, (place - CONTEXT).min(1), "{place}");
        }
        let mut parts = Parts::default();
        parts.add(&[b'x'; 3 * CONTEXT], 2 * CONTEXT);
        let part = parts.into_iter().next().expect("a part");
        assert_eq!(part.start, CONTEXT - MAX_WORD);
    }
}
