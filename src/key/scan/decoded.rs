//! Decoded text, with the locations of its parts in the original.

use std::ops::Range;

use zeroize::Zeroizing;

/// Decoded bytes, with their locations in the original.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    bytes: Zeroizing<Vec<u8>>,
    runs: Vec<ByteRun>,
}

/// A part that is copied from the original, or a character that was encoded.
#[derive(Debug)]
struct ByteRun {
    start: usize,
    /// Its offset in the original.
    raw: usize,
    /// How many bytes of the original each character takes.
    width: usize,
}

impl Decoded {
    /// Allocates this many bytes; never moves, which would leave copies of a secret behind.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Zeroizing::new(Vec::with_capacity(capacity)),
            runs: Vec::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.runs.clear();
    }

    /// Adds bytes, each of which takes `size` bytes of the original from an offset on.
    pub(super) fn push(&mut self, bytes: &[u8], raw: usize, width: usize) {
        let start = self.bytes.len();
        let goes_on = |run: &ByteRun| run.width == 1 && run.raw + (start - run.start) == raw;
        if width != 1 || !self.runs.last().is_some_and(goes_on) {
            self.runs.push(ByteRun { start, raw, width });
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Ends it at the end of the original.
    pub(super) fn end(&mut self, raw: usize) {
        let (start, width) = (self.bytes.len(), 0);
        self.runs.push(ByteRun { start, raw, width });
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A slice of it, with locations in the same original.
    pub(super) fn part(&self, part: Range<usize>) -> Self {
        let mut decoded = Self::with_capacity(part.len());
        decoded.bytes.extend_from_slice(&self.bytes[part.clone()]);
        let first = self.runs.partition_point(|run| run.start <= part.start);
        let first = first.saturating_sub(1);
        let within = self.runs[first..].iter();
        let within = within.take_while(|run| run.start < part.end);
        decoded.runs.extend(within.map(|run| {
            let start = run.start.max(part.start);
            let raw = run.raw + (start - run.start);
            ByteRun {
                start: start - part.start,
                raw,
                width: run.width,
            }
        }));
        decoded.end(self.raw_range(part).end);
        decoded
    }

    /// The location of the encoded text.
    pub(super) fn encoded(&self) -> impl Iterator<Item = usize> {
        let is_encoded = |run: &&ByteRun| run.width > 1;
        self.runs.iter().filter(is_encoded).map(|run| run.start)
    }

    /// The offset in the original.
    pub(super) fn raw_at(&self, offset: usize) -> usize {
        self.raw_of(offset).start
    }

    /// The location of a non-empty part in the original.
    pub(super) fn raw_range(&self, part: Range<usize>) -> Range<usize> {
        let last = part.end.min(self.bytes.len()).max(part.start + 1) - 1;
        let start = self.raw_at(part.start);
        start..self.raw_of(last).end.max(start)
    }

    fn raw_of(&self, offset: usize) -> Range<usize> {
        let run = self.runs.partition_point(|run| run.start <= offset);
        let Some(run) = run.checked_sub(1).map(|run| &self.runs[run]) else {
            return 0..0;
        };
        let start = run.raw + (offset - run.start);
        start..start + run.width
    }
}

/// A decoded text, and the one from which its original was decoded.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    pub(super) of: &'a Decoded,
    pub(super) above: Option<&'a Layer<'a>>,
}

impl Layer<'_> {
    /// The location of a non-empty part in the outermost text.
    pub(super) fn raw_range(&self, part: Range<usize>) -> Range<usize> {
        let range = self.of.raw_range(part);
        match self.above {
            None => range,
            Some(above) => above.raw_range(range),
        }
    }
}
