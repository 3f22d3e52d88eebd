//! The order in which encodings are undone: each text is read as a [`View`], and what is encoded in
//! it is read as a text again, up to [`MAX_DEPTH`] levels deep.
//!
//! Undoing too much does not hide secrets, since their checksums decide. The amount of work is
//! bounded by the text's length, whatever it contains.

use strum::VariantArray;

use super::base64::Radix;
use super::decoded::{Decoded, Layer};
use super::layout::{EscapeKinds, Escapes, layouts};
use super::view::{Reading, View};
use super::{dump, list};

/// How many levels of encodings are undone.
const MAX_DEPTH: usize = 3;

/// How many times the text's length may be read in total: source code needs 1 to 6 times that, and
/// text with many kinds of escapes up to 24.
const MAX_REREAD: usize = 32;

/// A short text may be read more often.
const MIN_BUDGET: usize = 64 << 10;

/// Text that is left encoded is reported if it is long enough for a secret.
const MIN_REPORTED: usize = 64;

/// A text, read in one way.
#[derive(Clone, Copy)]
pub(super) struct TextReading<'a> {
    pub(super) view: &'a View,
    /// The locations of the view's bytes in the outermost text.
    pub(super) layer: Layer<'a>,
    /// The text of the view.
    pub(super) text: &'a [u8],
}

/// Calls `visit` for each reading of a text, and of each text encoded in it.
///
/// Returns the start of the first part that is encoded more deeply than is undone.
pub(super) fn walk(raw: &[u8], visit: &mut dyn FnMut(&TextReading<'_>)) -> Option<usize> {
    let mut walk = ScanWalk {
        budget: MIN_BUDGET.max(MAX_REREAD * raw.len()),
        innermost_left: None,
        visit,
    };
    walk.text(raw, None, MAX_DEPTH, EscapeKinds::ALL);
    walk.innermost_left
}

struct ScanWalk<'a> {
    /// How many more bytes may be read.
    budget: usize,
    innermost_left: Option<usize>,
    visit: &'a mut dyn FnMut(&TextReading<'_>),
}

impl ScanWalk<'_> {
    /// Reads a text, and what is encoded in it; only undoes the given kinds of escapes.
    fn text(&mut self, text: &[u8], above: Option<&Layer<'_>>, depth: usize, kinds: EscapeKinds) {
        if !self.may_read(text, above) {
            return;
        }
        let mut view = View::of(text, Reading::Dashes);
        self.read(&view, text, above, depth);
        let escapes = view.escapes();
        for (reading, parts) in [
            (Reading::Dropped, view.ambiguous_parts()),
            (Reading::Base64, view.base64_marked()),
        ] {
            for part in parts.into_iter() {
                view.fill(text, part, reading);
                self.read(&view, text, above, depth);
            }
        }
        drop(view);
        self.encoded(text, above, depth, &escapes, kinds);
    }

    /// Reads what is encoded in a text whose views were read.
    fn encoded(
        &mut self,
        text: &[u8],
        above: Option<&Layer<'_>>,
        depth: usize,
        escapes: &Escapes,
        kinds: EscapeKinds,
    ) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        let mut deeper = |decoded: Decoded| self.decoded(&decoded, above, depth);
        dump::dumps(text, &mut deeper);
        list::lists(text, &mut deeper);
        // `\x` before hex digits may be an escape of two of them, or a prefix of all.
        if memchr::memchr(b'\\', text).is_some() {
            Radix::Hex.decode(text, &mut deeper);
        }
        if let Some(narrow) = narrow(text) {
            deeper(narrow);
        }
        for kind in escapes.among(kinds) {
            let is_view_new = escapes.changes_view(kind);
            if depth == 0 && !is_view_new {
                continue;
            }
            layouts(text, kind, &mut |undone| {
                let layer = Layer { of: &undone, above };
                let after = escapes.after(kind);
                if is_view_new {
                    self.text(undone.bytes(), Some(&layer), depth, after);
                } else if self.may_read(undone.bytes(), Some(&layer)) {
                    self.encoded(undone.bytes(), Some(&layer), depth, escapes, after);
                }
            });
        }
    }

    /// Counts the bytes read for a text; fails if they exceed the budget.
    fn may_read(&mut self, text: &[u8], above: Option<&Layer<'_>>) -> bool {
        let budget = self.budget.checked_sub(text.len());
        match budget {
            Some(budget) => self.budget = budget,
            None => self.report_left(above),
        }
        budget.is_some()
    }

    fn read(&mut self, view: &View, text: &[u8], above: Option<&Layer<'_>>, depth: usize) {
        let of = &view.decoded;
        let layer = Layer { of, above };
        (self.visit)(&TextReading { view, layer, text });
        for radix in Radix::VARIANTS {
            radix.decode(view.bytes(), |decoded| match depth.checked_sub(1) {
                Some(depth) => self.decoded(&decoded, Some(&layer), depth),
                None if decoded.bytes().len() < MIN_REPORTED => {}
                None => {
                    let of = &decoded;
                    let above = Some(&layer);
                    self.report_left(Some(&Layer { of, above }));
                }
            });
        }
    }

    fn decoded(&mut self, of: &Decoded, above: Option<&Layer<'_>>, depth: usize) {
        self.text(
            of.bytes(),
            Some(&Layer { of, above }),
            depth,
            EscapeKinds::ALL,
        );
    }

    fn report_left(&mut self, layer: Option<&Layer<'_>>) {
        let start = layer.map_or(0, |layer| layer.raw_range(0..1).start);
        self.innermost_left = Some(
            self.innermost_left
                .map_or(start, |innermost_left| innermost_left.min(start)),
        );
    }
}

/// UTF-16 without its null bytes, so that escapes and lines are whole again.
fn narrow(text: &[u8]) -> Option<Decoded> {
    let nulls = memchr::memchr_iter(0, text).count();
    if nulls < text.len() / 8 || nulls == 0 || nulls == text.len() {
        return None;
    }
    let mut narrow = Decoded::with_capacity(text.len());
    let mut at = 0;
    for part in text.split(|&byte| byte == 0) {
        narrow.push(part, at, 1);
        at += part.len() + 1;
    }
    narrow.end(text.len());
    Some(narrow)
}
