//! Undoes escapes of one kind, once, and keeps everything else: the lines and columns of a dump,
//! and nested escapes.
//!
//! Different kinds are never undone at once: a dump has a text column beside its bytes, and `%0A`
//! there is not a line end if the dump's own lines end in `\n`.

use std::array;

use strum::VariantArray;

use super::decoded::Decoded;
use super::escape::{EscapeKind, SOFT_HYPHEN, Unit, decode_once};
use super::parts::Parts;
use super::text_score::is_text;

/// The maximum length of an escape's start.
const MAX_ESCAPE: usize = 24;

/// A set of kinds of escapes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EscapeKinds([bool; EscapeKind::VARIANTS.len()]);

/// The kinds of escapes in a text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Escapes {
    found: EscapeKinds,
    /// For each kind, those whose escapes begin with a character that is escaped with it.
    nested: [EscapeKinds; EscapeKind::VARIANTS.len()],
    /// Those with a nested escape that a view does not undo.
    left: EscapeKinds,
}

impl EscapeKinds {
    pub(super) const ALL: Self = Self([true; EscapeKind::VARIANTS.len()]);

    fn of(is_in: impl Fn(EscapeKind) -> bool) -> Self {
        Self(array::from_fn(|at| is_in(EscapeKind::VARIANTS[at])))
    }

    fn add(&mut self, kind: EscapeKind) {
        self.0[kind as usize] = true;
    }

    fn has(self, kind: EscapeKind) -> bool {
        self.0[kind as usize]
    }
}

impl Escapes {
    /// Adds the escape at the start of a text, which a view reads as this unit.
    pub(super) fn add(&mut self, text: &[u8], read_unit: Unit, length: usize) {
        let Some(kind) = EscapeKind::begun_by(text[0]) else {
            return;
        };
        self.found.add(kind);
        if let Some((read_unit, length)) = decode_once(text, kind)
            && let Some(nested) = nested(read_unit, &text[length..])
        {
            self.nested[kind as usize].add(nested);
        }
        if nested(read_unit, &text[length..]).is_some() {
            self.left.add(kind);
        }
    }

    /// Those of a set that were found, each to be undone separately.
    pub(super) fn among(&self, kinds: EscapeKinds) -> impl Iterator<Item = EscapeKind> + use<> {
        // String literals without escapes contain no lines.
        let has_lines = self.found.has(EscapeKind::Backslash);
        let found = self.found;
        EscapeKind::VARIANTS.iter().copied().filter(move |&kind| {
            let is_useful = kind != EscapeKind::Literals || has_lines;
            found.has(kind) && kinds.has(kind) && is_useful
        })
    }

    /// The kinds to undo after one was undone: the order matters only for nested ones, so other
    /// pairs are only undone in one order.
    pub(super) fn after(&self, decode_kind: EscapeKind) -> EscapeKinds {
        let is_nested = |inner: EscapeKind, outer: EscapeKind| {
            let nested = self.nested[outer as usize];
            nested.has(inner)
        };
        EscapeKinds::of(|kind| {
            kind as usize > decode_kind as usize
                || is_nested(kind, decode_kind)
                || is_nested(decode_kind, kind)
        })
    }

    /// Whether a view reads the text differently after one kind was undone.
    pub(super) fn changes_view(&self, decode_kind: EscapeKind) -> bool {
        self.left.has(decode_kind)
    }
}

/// The kind of an escape that begins with an escaped character, and continues in the text after it.
fn nested(read_unit: Unit, rest: &[u8]) -> Option<EscapeKind> {
    let Unit::Byte(byte @ ..0x80) = read_unit else {
        return None;
    };
    let mut text = [byte; MAX_ESCAPE];
    let behind = rest.len().min(MAX_ESCAPE - 1);
    text[1..=behind].copy_from_slice(&rest[..behind]);
    // The rest may be escaped, too.
    let is_escape = is_escape(&text[..=behind]) || is_escape(&text[1..=behind]);
    EscapeKind::begun_by(byte).filter(|_| is_escape)
}

fn is_escape(text: &[u8]) -> bool {
    let kind = text.first().and_then(|&first| EscapeKind::begun_by(first));
    let decode_kind = kind.and_then(|kind| decode_once(text, kind));
    decode_kind.is_some_and(|(_, length)| length > 1)
}

/// Passes on each part of a text near an escape of one kind, with that kind undone.
pub(super) fn layouts(text: &[u8], kind: EscapeKind, take: &mut dyn FnMut(Decoded)) {
    let decode_kind = decode_kind(text, kind);
    let mut parts = Parts::default();
    // Neither a dump nor an escape contains other bytes.
    let is_text = |offset: &usize| is_text(decode_kind.bytes()[*offset]);
    for offset in decode_kind.encoded().filter(is_text) {
        parts.add(decode_kind.bytes(), offset);
    }
    for part in parts.into_iter() {
        take(decode_kind.part(part));
    }
}

fn decode_kind(text: &[u8], kind: EscapeKind) -> Decoded {
    let mut decode_kind = Decoded::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let plain = kind.find(rest).unwrap_or(rest.len());
        if plain > 0 {
            decode_kind.push(&rest[..plain], at, 1);
            at += plain;
            continue;
        }
        let (read_unit, length) = decode_once(rest, kind).unwrap_or((Unit::Byte(rest[0]), 1));
        match read_unit {
            Unit::Byte(byte) => decode_kind.push(&[byte], at, length),
            Unit::SoftHyphen => decode_kind.push(&[SOFT_HYPHEN], at, length),
            Unit::Nothing => {}
        }
        at += length;
    }
    decode_kind.end(text.len());
    decode_kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::scan::escape::read_unit;

    #[test]
    fn one_kind_of_escape_is_undone_once() {
        for (kind, raw, plain) in [
            (
                EscapeKind::Percent,
                "a%0A%250A\\n&#10;=0A",
                "a\n%0A\\n&#10;=0A",
            ),
            (
                EscapeKind::QuotedPrintable,
                "a=3D0A=0A%0A=zz",
                "a=0A\n%0A=zz",
            ),
            (EscapeKind::Entity, "&amp;#10;&#10;%0A\\n", "&#10;\n%0A\\n"),
            (
                EscapeKind::Backslash,
                "\\n\\\\n\\\"%0A\" + \"",
                "\n\\n\"%0A\" + \"",
            ),
            (EscapeKind::Literals, "a\\n\" +\n \"b\\\"c%0A", "a\nb\"c%0A"),
            (
                EscapeKind::Character,
                "a\u{2011}b\\u2011%0A",
                "a-b\\u2011%0A",
            ),
        ] {
            let decode_kind = decode_kind(raw.as_bytes(), kind);
            let decode_kind = String::from_utf8_lossy(decode_kind.bytes());
            assert_eq!(decode_kind, plain, "{kind:?}: {raw:?}");
        }
    }

    fn escapes(text: &[u8]) -> Escapes {
        let (mut escapes, mut at) = (Escapes::default(), 0);
        while at < text.len() {
            let (read_unit, length) = read_unit(text, at);
            if length > 1 {
                escapes.add(&text[at..], read_unit, length);
            }
            at += length;
        }
        escapes
    }

    #[test]
    fn two_ways_are_undone_in_both_orders_only_if_nested() {
        let (percent, backslash) = (EscapeKind::Percent, EscapeKind::Backslash);
        for (raw, is_nested, changes_view) in [
            ("%0A\\n", false, false),
            ("%41\\u000a%5Cn", true, false),
            ("\\n\\u00250A", true, true),
            ("\\n%\\n0A", false, false),
        ] {
            let escapes = escapes(raw.as_bytes());
            assert!(escapes.after(percent).has(backslash), "{raw}");
            assert_eq!(escapes.after(backslash).has(percent), is_nested, "{raw}");
            assert_eq!(escapes.changes_view(backslash), changes_view, "{raw}");
        }
    }
}
