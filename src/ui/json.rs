//! JSON that is safe to print: characters that move the cursor or are invisible are escaped as
//! `\u…`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::key::is_hidden;

/// Writes a value as compact JSON.
pub(super) fn write(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    value
        .serialize(&mut Serializer::with_formatter(out, Visible))
        .map_err(io::Error::from)
}

/// A value as compact JSON and a line end.
pub(super) fn line(value: &impl Serialize) -> String {
    let mut out = Vec::with_capacity(512);
    write(&mut out, value).expect("writing to memory does not fail");
    out.push(b'\n');
    String::from_utf8(out).expect("JSON of text is text")
}

/// serde_json's compact form; it only escapes C0 controls itself.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Without an early exit, so that the loop can be vectorized.
        let is_hidden_or_wide = |byte: &u8| *byte >= 0x7f;
        let is_plain = !fragment
            .as_bytes()
            .iter()
            .fold(false, |any, byte| any | is_hidden_or_wide(byte));
        if is_plain {
            return CompactFormatter.write_string_fragment(out, fragment);
        }
        for character in fragment.chars() {
            if is_hidden(character) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            } else {
                out.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn escaped_json_reads_back_and_hides_nothing(text in any::<String>()) {
            let json = line(&text);
            prop_assert!(!json.trim_end_matches('\n').chars().any(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
        }
    }

    #[test]
    fn invisible_characters_are_escaped() {
        assert_eq!(
            line(&"é\u{9b}\u{202e}\u{7f}\u{e0001}"),
            "\"é\\u009b\\u202e\\u007f\\udb40\\udc01\"\n"
        );
    }
}
