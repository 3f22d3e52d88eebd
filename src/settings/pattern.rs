//! Patterns of addresses in a secret manager, as in `[{owner}/{repo}/]{name}`, and templates that
//! use their parts.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A pattern of addresses.
///
/// `{name}` is a part without `/` and `#`, `{name*}` one with them; what is in brackets may be left
/// out; the rest is literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPattern {
    pieces: Vec<PatternPiece>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PatternPiece {
    Literal(String),
    Part { name: String, is_wide: bool },
    Optional(Vec<PatternPiece>),
}

/// The most parts with `/` and `#` in them that a pattern has.
const MAX_WIDE: usize = 2;

/// The longest address, in bytes.
pub const MAX_ADDRESS: usize = 1 << 10;

/// What programs do not take for the value itself: an option, or a file or page to read it from.
const NO_VALUES: [&str; 6] = ["-", "@", "file://", "fileb://", "http://", "https://"];

/// The parts of an address by their names.
pub type AddressParts = BTreeMap<String, String>;

impl AddressPattern {
    /// The parts of an address; `None` if it does not match.
    pub fn parts(&self, address: &str) -> Option<AddressParts> {
        if address.len() > MAX_ADDRESS {
            return None;
        }
        let pieces: Vec<&PatternPiece> = self.pieces.iter().collect();
        let mut parts = AddressParts::new();
        matches(&pieces, address, &mut parts).then_some(parts)
    }

    /// The names of the parts that may be left out.
    pub(super) fn optional_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for piece in &self.pieces {
            if let PatternPiece::Optional(inner) = piece {
                collect(inner, &mut names);
            }
        }
        names
    }

    /// The names of all parts.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        collect(&self.pieces, &mut names);
        names
    }

    /// The address with these parts, of which only optional ones may be missing.
    pub(super) fn address(&self, parts: &AddressParts) -> Option<String> {
        let mut address = String::new();
        write(&self.pieces, parts, &mut address)?;
        Some(address)
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for AddressPattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (pieces, rest) = pieces(text, false)?;
        match (rest, pieces.is_empty()) {
            ("", false) if wide_parts(&pieces) > MAX_WIDE => {
                Err("it must have at most two parts such as `{name*}`")
            }
            ("", false) => Ok(Self {
                pieces,
                text: text.to_owned(),
            }),
            _ => Err(UNBALANCED),
        }
    }
}

const UNBALANCED: &str = "it must have a part such as `{name}`, and each bracket its other half";

/// The pieces up to the end, or to the bracket that closes them.
fn pieces(text: &str, is_within: bool) -> Result<(Vec<PatternPiece>, &str), &'static str> {
    let (mut found, mut rest) = (Vec::new(), text);
    loop {
        let at = rest.find(['{', '}', '[', ']']).unwrap_or(rest.len());
        if at > 0 {
            found.push(PatternPiece::Literal(rest[..at].to_owned()));
        }
        rest = &rest[at..];
        match rest.chars().next() {
            None => return Ok((found, rest)),
            Some('{') => {
                let (name, after) = rest[1..].split_once('}').ok_or(UNBALANCED)?;
                let is_wide = name.ends_with('*');
                let name = name.trim_end_matches('*');
                if !is_part_name(name) {
                    return Err("only a-z, 0-9 and _ are allowed in a part's name, as in `{name}`");
                }
                found.push(PatternPiece::Part {
                    name: name.to_owned(),
                    is_wide,
                });
                rest = after;
            }
            Some('[') if !is_within => {
                let (inner, after) = pieces(&rest[1..], true)?;
                found.push(PatternPiece::Optional(inner));
                rest = after.strip_prefix(']').ok_or(UNBALANCED)?;
            }
            Some(']') if is_within => return Ok((found, rest)),
            Some(_) => return Err(UNBALANCED),
        }
    }
}

/// How many parts can be of any length: each more would multiply the time that matching takes.
fn wide_parts(pieces: &[PatternPiece]) -> usize {
    let wide = |piece: &PatternPiece| match piece {
        PatternPiece::Literal(_) => 0,
        PatternPiece::Part { is_wide, .. } => usize::from(*is_wide),
        PatternPiece::Optional(inner) => wide_parts(inner),
    };
    pieces.iter().map(wide).sum()
}

fn is_part_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

fn collect<'a>(pieces: &'a [PatternPiece], names: &mut Vec<&'a str>) {
    for piece in pieces {
        match piece {
            PatternPiece::Literal(_) => {}
            PatternPiece::Part { name, .. } => names.push(name),
            PatternPiece::Optional(inner) => collect(inner, names),
        }
    }
}

/// Writes the text with these parts; what is optional only if it has all of its own.
fn write(pieces: &[PatternPiece], parts: &AddressParts, out: &mut String) -> Option<()> {
    for piece in pieces {
        match piece {
            PatternPiece::Literal(text) => out.push_str(text),
            PatternPiece::Part { name, .. } => out.push_str(parts.get(name)?),
            PatternPiece::Optional(inner) => {
                let before = out.len();
                if write(inner, parts, out).is_none() {
                    out.truncate(before);
                }
            }
        }
    }
    Some(())
}

/// Matches the text as a whole; a part takes as little as possible.
fn matches(pieces: &[&PatternPiece], text: &str, parts: &mut AddressParts) -> bool {
    let Some((first, later)) = pieces.split_first() else {
        return text.is_empty();
    };
    match first {
        PatternPiece::Literal(literal) => text
            .strip_prefix(literal.as_str())
            .is_some_and(|rest| matches(later, rest, parts)),
        PatternPiece::Optional(inner) => {
            let with: Vec<&PatternPiece> = inner.iter().chain(later.iter().copied()).collect();
            matches(&with, text, parts) || matches(later, text, parts)
        }
        PatternPiece::Part { name, is_wide } => {
            let ends = text.char_indices().map(|(at, c)| (at + c.len_utf8(), c));
            for (end, character) in ends {
                let is_other = !is_wide && matches!(character, '/' | '#');
                if is_other || character.is_control() || is_expanded(&text[..end]) {
                    return false;
                }
                if matches(later, &text[end..], parts) {
                    parts.insert(name.clone(), text[..end].to_owned());
                    return true;
                }
            }
            false
        }
    }
}

/// Whether programs take an argument for something else than a value.
fn is_expanded(text: &str) -> bool {
    NO_VALUES.iter().any(|start| text.starts_with(start))
}

/// A text with parts of an address in it, as in `--secret={name}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartTemplate(Vec<TemplatePiece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplatePiece {
    Literal(String),
    Part(String),
}

impl PartTemplate {
    pub(super) fn of(text: &str) -> Self {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find('{') {
            literal.push_str(&rest[..at]);
            let name = rest[at + 1..].split_once('}').map(|(name, _)| name);
            match name.filter(|name| is_part_name(name)) {
                Some(name) => {
                    pieces.push(TemplatePiece::Literal(std::mem::take(&mut literal)));
                    pieces.push(TemplatePiece::Part(name.to_owned()));
                    rest = &rest[at + 2 + name.len()..];
                }
                None => {
                    literal.push('{');
                    rest = &rest[at + 1..];
                }
            }
        }
        literal.push_str(rest);
        pieces.push(TemplatePiece::Literal(literal));
        Self(pieces)
    }

    /// The names of its parts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            TemplatePiece::Literal(_) => None,
            TemplatePiece::Part(name) => Some(name.as_str()),
        })
    }

    /// The parts that an equals sign follows, as in `{key}=-`.
    pub(super) fn assigned(&self) -> impl Iterator<Item = &str> {
        self.0.windows(2).filter_map(|pair| match pair {
            [TemplatePiece::Part(name), TemplatePiece::Literal(text)] => {
                text.starts_with('=').then_some(name.as_str())
            }
            _ => None,
        })
    }

    /// Writes the text with its parts to `out`; `part` writes a part, or returns `None` if the
    /// address does not have it.
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        part: impl Fn(&str, &mut Vec<u8>) -> Option<()>,
    ) -> Option<()> {
        for piece in &self.0 {
            match piece {
                TemplatePiece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePiece::Part(name) => part(name, out)?,
            }
        }
        Some(())
    }

    /// The text with these parts; `None` if one is missing.
    pub fn filled(&self, parts: &AddressParts) -> Option<String> {
        let mut out = Vec::new();
        self.write(&mut out, |name, out| {
            out.extend_from_slice(parts.get(name)?.as_bytes());
            Some(())
        })?;
        String::from_utf8(out).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_into_its_parts() {
        let vault = "[{mount*}/data/]{path*}#{key}";
        let file = "[{folder*}/]{name}";
        let all = "[{owner}/{repo}/]{name}";
        for (pattern, address, parts) in [
            (
                vault,
                "secret/data/app#key",
                "key=key mount=secret path=app",
            ),
            (vault, "secret/app#key", "key=key path=secret/app"),
            (vault, "a/b/data/c/d#k", "key=k mount=a/b path=c/d"),
            (vault, "secret/app", "none"),
            (vault, "secret/app#", "none"),
            (vault, "#key", "none"),
            (vault, "-method=rw#key", "none"),
            (vault, "a\nb#key", "none"),
            (vault, "@a#key", "none"),
            (vault, "secret/app#@key", "none"),
            ("{name*}[#{key}]", "file://a", "none"),
            ("{name*}[#{key}]", "fileb://a", "none"),
            ("{name*}[#{key}]", "https://a/b#c", "none"),
            ("{name*}[#{key}]", "file:/a", "name=file:/a"),
            (file, "/etc/creds/app", "folder=/etc/creds name=app"),
            (file, "app", "name=app"),
            (file, "/etc/", "none"),
            (all, "acme/shop/KEY", "name=KEY owner=acme repo=shop"),
            (all, "KEY", "name=KEY"),
            (all, "acme/KEY", "none"),
            (
                "[{project*}/]{name}",
                "a/b/shop/KEY",
                "name=KEY project=a/b/shop",
            ),
            ("{name*}[#{key}]", "prod/app", "name=prod/app"),
            ("{name*}[#{key}]", "prod/app#k", "key=k name=prod/app"),
        ] {
            let pattern: AddressPattern = pattern.parse().expect("pattern");
            let found = pattern.parts(address).map_or("none".to_owned(), |parts| {
                let all = parts.iter().map(|(name, value)| format!("{name}={value}"));
                all.collect::<Vec<_>>().join(" ")
            });
            assert_eq!(found, parts, "{address}");
        }
    }

    #[test]
    fn an_address_is_written_from_its_parts() {
        for (pattern, parts, address) in [
            (
                "{mount*}/data/{path*}#{key}",
                "key=k mount=a/b path=c",
                "a/b/data/c#k",
            ),
            ("[{folder*}/]{name}", "folder=/etc name=app", "/etc/app"),
            ("[{folder*}/]{name}", "name=app", "app"),
        ] {
            let pattern: AddressPattern = pattern.parse().expect("pattern");
            let parts = parts.split(' ').filter_map(|part| part.split_once('='));
            let parts = parts.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(pattern.address(&parts.collect()).as_deref(), Some(address));
        }
    }

    #[test]
    fn a_pattern_is_whole() {
        for bad in ["", "{name", "[{name}", "{name}]", "{Name}", "{}", "[[{a}]]"] {
            bad.parse::<AddressPattern>().expect_err(bad);
        }
    }

    #[test]
    fn a_long_address_is_rejected_early() {
        let pattern: AddressPattern = "[{mount*}/data/]{path*}#{key}".parse().expect("pattern");
        let longest = "/data/".repeat(MAX_ADDRESS / 6);
        let start = std::time::Instant::now();
        assert_eq!(pattern.parts(&longest), None);
        assert_eq!(pattern.parts(&"a".repeat(1 << 20)), None);
        assert!(start.elapsed() < std::time::Duration::from_secs(2));
        let parts = pattern.parts(&format!("{}#k", "a".repeat(MAX_ADDRESS - 2)));
        assert_eq!(parts.expect("an address").len(), 2);
        "{a*}[{b*}]{c*}"
            .parse::<AddressPattern>()
            .expect_err("three");
    }

    #[test]
    fn a_word_without_its_part_is_left_out() {
        let parts = AddressParts::from([("key".to_owned(), "a.b".to_owned())]);
        for (template, filled) in [
            ("--repo={owner}/{key}", None),
            ("get", Some("get")),
            ("{key}=-", Some("a.b=-")),
            (
                r#"{{index .data "{key}"}}"#,
                Some(r#"{{index .data "a.b"}}"#),
            ),
        ] {
            let found = PartTemplate::of(template).filled(&parts);
            assert_eq!(found.as_deref(), filled, "{template}");
        }
    }
}
