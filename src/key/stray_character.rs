//! Characters that are copied along with a secret: blanks, quotation marks, and invisible ones.

use std::fmt;

use zeroize::Zeroizing;

use crate::key::redact::is_hidden;

/// A character that no secret contains, and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrayCharacter {
    /// The character.
    pub character: char,
    position: Position,
}

/// The position of a stray character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    Start,
    /// The number of the character in the text, from 1.
    At(usize),
    End,
}

/// The names of the most common ones (Unicode's names, in lower case).
const NAMES: [(char, &str); 36] = [
    ('\0', "a null character"),
    ('\t', "a tab"),
    ('\n', "a line break"),
    ('\r', "a carriage return"),
    ('\u{1b}', "an escape character"),
    (' ', "a space"),
    ('"', "a quotation mark"),
    ('\'', "an apostrophe"),
    ('`', "a backtick"),
    ('\u{a0}', "a no-break space"),
    ('\u{ad}', "a soft hyphen"),
    ('\u{2007}', "a figure space"),
    ('\u{2009}', "a thin space"),
    ('\u{200b}', "a zero width space"),
    ('\u{200c}', "a zero width non-joiner"),
    ('\u{200d}', "a zero width joiner"),
    ('\u{200e}', "a left-to-right mark"),
    ('\u{200f}', "a right-to-left mark"),
    ('\u{2010}', "a typographic hyphen"),
    ('\u{2011}', "a non-breaking hyphen"),
    ('\u{2012}', "a figure dash"),
    ('\u{2013}', "an en dash"),
    ('\u{2014}', "an em dash"),
    ('\u{2018}', "a left single quotation mark"),
    ('\u{2019}', "a right single quotation mark"),
    ('\u{201c}', "a left double quotation mark"),
    ('\u{201d}', "a right double quotation mark"),
    ('\u{2028}', "a line separator"),
    ('\u{202a}', "a left-to-right embedding"),
    ('\u{202c}', "a pop directional formatting"),
    ('\u{202f}', "a narrow no-break space"),
    ('\u{2060}', "a word joiner"),
    ('\u{2212}', "a minus sign"),
    ('\u{3000}', "an ideographic space"),
    ('\u{feff}', "a byte order mark"),
    ('\u{fffd}', "a byte that is not UTF-8"),
];

/// Every stray character in a text, in order.
pub fn stray_characters(text: &str) -> impl Iterator<Item = StrayCharacter> + '_ {
    let first = text.find(is_own).unwrap_or(text.len());
    let last = text.rfind(is_own).unwrap_or(0);
    text.char_indices()
        .enumerate()
        .filter(|(_, (_, character))| is_stray(*character))
        .map(move |(number, (at, character))| StrayCharacter {
            character,
            position: match at {
                at if at < first => Position::Start,
                at if at > last => Position::End,
                _ => Position::At(number + 1),
            },
        })
}

/// The text without its stray characters; a typographic dash becomes a plain one.
pub fn without_stray_characters(text: &str) -> Zeroizing<String> {
    let mut clean = Zeroizing::new(String::with_capacity(text.len()));
    for character in text.chars() {
        match character {
            '\u{2010}'..='\u{2014}' | '\u{2212}' => clean.push('-'),
            _ if is_stray(character) => {}
            _ => clean.push(character),
        }
    }
    clean
}

fn is_own(character: char) -> bool {
    !is_stray(character)
}

fn is_stray(character: char) -> bool {
    let is_common = character.is_ascii_alphanumeric() || character == '-';
    !is_common
        && (character.is_whitespace()
            || is_hidden(character)
            || NAMES.iter().any(|(named, _)| *named == character))
}

impl fmt::Display for StrayCharacter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(named, _)| *named == self.character);
        f.write_str(name.map_or("a character that cannot be seen", |(_, name)| name))?;
        if !self.character.is_ascii_graphic() && !matches!(self.character, ' ' | '\u{fffd}') {
            write!(f, " (U+{:04X})", u32::from(self.character))?;
        }
        match self.position {
            Position::Start => f.write_str(" before it"),
            Position::At(number) => write!(f, " in it, at position {number}"),
            Position::End => f.write_str(" after it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_character_is_named_with_its_place() {
        for (text, expected) in [
            ("ab-c", None),
            ("", None),
            (" ab", Some("a space before it")),
            ("ab\n", Some("a line break (U+000A) after it")),
            (
                "a\u{200b}b",
                Some("a zero width space (U+200B) in it, at position 2"),
            ),
            ("\u{feff}ab", Some("a byte order mark (U+FEFF) before it")),
            ("\"ab\"", Some("a quotation mark before it")),
            (
                "ab\u{201d}",
                Some("a right double quotation mark (U+201D) after it"),
            ),
            ("ab\u{fffd}", Some("a byte that is not UTF-8 after it")),
            (
                "ab\u{206a}",
                Some("a character that cannot be seen (U+206A) after it"),
            ),
            ("  ", Some("a space before it")),
        ] {
            let told = stray_characters(text).next().map(|stray| stray.to_string());
            assert_eq!(told.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn removing_stray_characters_leaves_the_secret() {
        for (text, expected) in [
            ("\u{feff}\"a\u{2011}b\u{200b}\u{2013}c\" \r\n", "a-b-c"),
            ("a-b", "a-b"),
            ("pass_word!", "pass_word!"),
        ] {
            assert_eq!(&**without_stray_characters(text), expected, "{text:?}");
        }
    }
}
